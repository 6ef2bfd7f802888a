//! `ContextService`: one file per request. Both answers say in the metadata
//! `x-throughline-assembly-us` how many microseconds the window took beyond
//! embedding the query.

use std::sync::Arc;

use throughline_memory::engine::ContextOutcome;
use tonic::{Request, Response, Status};

use super::ApiState;
use crate::pb::{self, context_service_server::ContextService};

mod build;
mod prepare;

/// Response metadata: microseconds of assembly.
pub const ASSEMBLY_HEADER: &str = "x-throughline-assembly-us";

/// The service.
#[derive(Clone)]
pub struct ContextApi(pub Arc<ApiState>);

#[tonic::async_trait]
impl ContextService for ContextApi {
    async fn build_context(
        &self,
        request: Request<pb::BuildContextRequest>,
    ) -> Result<Response<pb::BuildContextResponse>, Status> {
        let call = self.0.call(&request)?;
        let (answer, outcome) = build::handle(call, request.into_inner()).await?;
        Ok(timed(answer, &outcome))
    }

    async fn prepare_turn(
        &self,
        request: Request<pb::PrepareTurnRequest>,
    ) -> Result<Response<pb::PrepareTurnResponse>, Status> {
        let call = self.0.call(&request)?;
        let (answer, outcome) = prepare::handle(call, request.into_inner()).await?;
        Ok(timed(answer, &outcome))
    }
}

fn timed<T>(answer: T, outcome: &ContextOutcome) -> Response<T> {
    let mut response = Response::new(answer);
    if let Ok(micros) = outcome.assembly_micros.to_string().parse() {
        response.metadata_mut().insert(ASSEMBLY_HEADER, micros);
    }
    response
}
