//! RejectEdge: between turns, between facts, or between a fact and a turn.

use throughline_memory::facts::Cause;

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, edge_kind, parse_cause},
};

pub(super) async fn handle(
    call: Call,
    request: pb::RejectEdgeRequest,
) -> Result<pb::RejectEdgeResponse, ApiError> {
    let pb::RejectEdgeRequest { earlier, later, kind } = request;
    let mut violations = Violations::new();
    let old = violations.take(parse_cause("earlier", &earlier));
    let new = violations.take(parse_cause("later", &later));
    let kind = violations.take(edge_kind("kind", kind)).flatten();
    if let (Some((of_old, from)), Some((of_new, to))) = (&old, &new) {
        if of_old != of_new {
            violations.add("later", "must be of the same conversation as `earlier`");
        } else if from == to {
            violations.add("later", "must not be `earlier` itself");
        } else if let (Cause::Turn(from), Cause::Turn(to)) = (from, to)
            && from > to
        {
            violations.add("later", "must come after `earlier`");
        }
    }
    let ((id, earlier), (_, later)) = violations.finish(old.zip(new))?;
    let revision = match (&earlier, &later) {
        (Cause::Turn(earlier), Cause::Turn(later)) => {
            call.engine.reject_edge(&call.tenant, &id, (*earlier, *later), kind).await?
        }
        _ => call.engine.reject_fact_edge(&call.tenant, &id, (&earlier, &later), kind).await?,
    };
    Ok(pb::RejectEdgeResponse { revision })
}
