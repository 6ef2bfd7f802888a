//! PinFact.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, fact_to_proto, new_fact, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::PinFactRequest,
) -> Result<pb::PinFactResponse, ApiError> {
    let pb::PinFactRequest { conversation, fact, request_id } = request;
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &conversation));
    let fact = new_fact(fact, request_id, id.as_ref(), call.limits(), &mut violations);
    let (id, fact) = violations.finish(id.zip(fact))?;
    let (fact, revision) = call.engine.pin_fact(&call.tenant, &id, fact).await?;
    Ok(pb::PinFactResponse { fact: Some(fact_to_proto(&id, fact)), revision })
}
