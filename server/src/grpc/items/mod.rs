//! `ItemService`: one file per request.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::ApiState;
use crate::pb::{self, item_service_server::ItemService};

mod delete;
mod get;
mod list;
mod list_namespaces;
mod put;
mod search;

/// The service.
#[derive(Clone)]
pub struct ItemApi(pub Arc<ApiState>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ItemService for ItemApi {
    async fn put_item(&self, request: Request<pb::PutItemRequest>) -> Answer<pb::PutItemResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(put::handle(call, request.into_inner()).await?))
    }

    async fn get_item(&self, request: Request<pb::GetItemRequest>) -> Answer<pb::GetItemResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get::handle(&call, request.into_inner())?))
    }

    async fn delete_item(
        &self,
        request: Request<pb::DeleteItemRequest>,
    ) -> Answer<pb::DeleteItemResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(delete::handle(call, request.into_inner()).await?))
    }

    async fn search_items(
        &self,
        request: Request<pb::SearchItemsRequest>,
    ) -> Answer<pb::SearchItemsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(search::handle(call, request.into_inner()).await?))
    }

    async fn list_items(
        &self,
        request: Request<pb::ListItemsRequest>,
    ) -> Answer<pb::ListItemsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(list::handle(&call, request.into_inner())?))
    }

    async fn list_namespaces(
        &self,
        request: Request<pb::ListNamespacesRequest>,
    ) -> Answer<pb::ListNamespacesResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(list_namespaces::handle(&call, request.into_inner())?))
    }
}
