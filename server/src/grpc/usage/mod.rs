//! `UsageService`: one file per request.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::ApiState;
use crate::pb::{self, usage_service_server::UsageService};

mod get_usage;

/// The service.
#[derive(Clone)]
pub struct UsageApi(pub Arc<ApiState>);

#[tonic::async_trait]
impl UsageService for UsageApi {
    async fn get_usage(
        &self,
        request: Request<pb::GetUsageRequest>,
    ) -> Result<Response<pb::GetUsageResponse>, Status> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get_usage::handle(call, request.into_inner()).await?))
    }
}
