//! `DegradationService`: one file per request.

use std::{pin::Pin, sync::Arc};

use futures::Stream;
use throughline_memory::{
    degradation::{Action, Health},
    engine::EngineError,
    turn::ConversationId,
};
use tonic::{Request, Response, Status};

use super::{ApiError, ApiState, Call};
use crate::{
    pb::{self, degradation_service_server::DegradationService},
    wire::handover_to_proto,
};

mod get_cohort;
mod get_degradation;
mod record_outcome;
mod watch_health;

/// The service.
#[derive(Clone)]
pub struct DegradationApi(pub Arc<ApiState>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl DegradationService for DegradationApi {
    async fn get_degradation(
        &self,
        request: Request<pb::GetDegradationRequest>,
    ) -> Answer<pb::GetDegradationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get_degradation::handle(call, request.into_inner()).await?))
    }

    async fn record_outcome(
        &self,
        request: Request<pb::RecordOutcomeRequest>,
    ) -> Answer<pb::RecordOutcomeResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(record_outcome::handle(call, request.into_inner()).await?))
    }

    async fn get_cohort_degradation(
        &self,
        request: Request<pb::GetCohortDegradationRequest>,
    ) -> Answer<pb::GetCohortDegradationResponse> {
        let call = self.0.call(&request)?;
        Ok(Response::new(get_cohort::handle(call, request.into_inner()).await?))
    }

    type WatchHealthStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchHealthResponse, Status>> + Send>>;

    async fn watch_health(
        &self,
        request: Request<pb::WatchHealthRequest>,
    ) -> Answer<Self::WatchHealthStream> {
        let call = self.0.call(&request)?;
        Ok(Response::new(Box::pin(watch_health::handle(call, request.into_inner()).await?)))
    }
}

/// The hand-over window that goes with a reset.
async fn handover(
    call: &Call,
    id: &ConversationId,
    health: &Health,
) -> Result<Option<pb::Handover>, ApiError> {
    if health.action != Action::Reset {
        return Ok(None);
    }
    let handover = match call.engine.handover(&call.tenant, id).await {
        Ok(handover) => handover,
        // Required pins are too large for it, or it was deleted meanwhile: the health
        // is told without.
        Err(EngineError::Assemble(_) | EngineError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(handover_to_proto(id, &handover)))
}
