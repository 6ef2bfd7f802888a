//! `MemoryService`: one file per request.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::ApiState;
use crate::pb::{self, memory_service_server::MemoryService};

mod get_staleness;
mod get_summary;
mod list_facts;
mod pin;
mod reject_edge;
mod search;
mod summarize;
mod unpin;
mod update_fact;

/// The service.
#[derive(Clone)]
pub struct MemoryApi(pub Arc<ApiState>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl MemoryService for MemoryApi {
    async fn search_turns(
        &self,
        request: Request<pb::SearchTurnsRequest>,
    ) -> Answer<pb::SearchTurnsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(search::handle(call, request.into_inner()).await?))
    }

    async fn pin_fact(&self, request: Request<pb::PinFactRequest>) -> Answer<pb::PinFactResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(pin::handle(call, request.into_inner()).await?))
    }

    async fn update_fact(
        &self,
        request: Request<pb::UpdateFactRequest>,
    ) -> Answer<pb::UpdateFactResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(update_fact::handle(call, request.into_inner()).await?))
    }

    async fn unpin_fact(
        &self,
        request: Request<pb::UnpinFactRequest>,
    ) -> Answer<pb::UnpinFactResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(unpin::handle(call, request.into_inner()).await?))
    }

    async fn list_facts(
        &self,
        request: Request<pb::ListFactsRequest>,
    ) -> Answer<pb::ListFactsResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(list_facts::handle(call, request.into_inner()).await?))
    }

    async fn get_staleness(
        &self,
        request: Request<pb::GetStalenessRequest>,
    ) -> Answer<pb::GetStalenessResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get_staleness::handle(call, request.into_inner()).await?))
    }

    async fn reject_edge(
        &self,
        request: Request<pb::RejectEdgeRequest>,
    ) -> Answer<pb::RejectEdgeResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(reject_edge::handle(call, request.into_inner()).await?))
    }

    async fn get_summary(
        &self,
        request: Request<pb::GetSummaryRequest>,
    ) -> Answer<pb::GetSummaryResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get_summary::handle(call, request.into_inner()).await?))
    }

    async fn summarize(
        &self,
        request: Request<pb::SummarizeRequest>,
    ) -> Answer<pb::SummarizeResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(summarize::handle(call, request.into_inner()).await?))
    }
}
