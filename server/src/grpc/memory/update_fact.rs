//! UpdateFact.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, fact_patch, fact_to_proto},
};

pub(super) async fn handle(
    call: Call,
    request: pb::UpdateFactRequest,
) -> Result<pb::UpdateFactResponse, ApiError> {
    let mut violations = Violations::new();
    let patch = fact_patch(request, call.limits(), &mut violations);
    let (id, fact, patch) = violations.finish(patch)?;
    let (fact, revision) = call.engine.update_fact(&call.tenant, &id, &fact, patch).await?;
    Ok(pb::UpdateFactResponse { fact: Some(fact_to_proto(&id, fact)), revision })
}
