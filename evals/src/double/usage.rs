//! The double's usage: every turn costs ten tokens to embed, and its language model as
//! many tokens as its sequence, so that the work of a turn grows.

use throughline_proto::v1::{self as wire, usage_service_server::UsageService};
use tonic::{Request, Response, Status};

use super::Double;

#[tonic::async_trait]
impl UsageService for Double {
    async fn get_usage(
        &self,
        request: Request<wire::GetUsageRequest>,
    ) -> Result<Response<wire::GetUsageResponse>, Status> {
        let turns = self.with(&request.get_ref().conversation, |held| held.turns.len() as u64)?;
        let usage = wire::Usage {
            turns,
            embedded_tokens: 10 * turns,
            llm_prompt_tokens: turns * (turns + 1) / 2,
            ..wire::Usage::default()
        };
        Ok(Response::new(wire::GetUsageResponse { total: Some(usage), ..Default::default() }))
    }
}
