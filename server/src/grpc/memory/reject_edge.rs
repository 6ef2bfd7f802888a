//! RejectEdge.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, parse_turn},
};

pub(super) async fn handle(
    call: Call,
    request: pb::RejectEdgeRequest,
) -> Result<pb::RejectEdgeResponse, ApiError> {
    let pb::RejectEdgeRequest { earlier, later } = request;
    let mut violations = Violations::new();
    let old = violations.take(parse_turn("earlier", &earlier));
    let new = violations.take(parse_turn("later", &later));
    if let (Some((of_old, from)), Some((of_new, to))) = (&old, &new) {
        if of_old != of_new {
            violations.add("later", "must name a turn of the same conversation as `earlier`");
        } else if from >= to {
            violations.add("later", "must come after `earlier`");
        }
    }
    let ((id, earlier), (_, later)) = violations.finish(old.zip(new))?;
    let revision = call.engine.reject_edge(&call.tenant, &id, earlier, later).await?;
    Ok(pb::RejectEdgeResponse { revision })
}
