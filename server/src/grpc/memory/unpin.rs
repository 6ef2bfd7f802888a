//! UnpinFact.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, parse_fact},
};

pub(super) async fn handle(
    call: Call,
    request: pb::UnpinFactRequest,
) -> Result<pb::UnpinFactResponse, ApiError> {
    let mut violations = Violations::new();
    let name = violations.take(parse_fact("name", &request.name));
    let (id, fact) = violations.finish(name)?;
    let revision = call.engine.unpin_fact(&call.tenant, &id, &fact).await?;
    Ok(pb::UnpinFactResponse { revision })
}
