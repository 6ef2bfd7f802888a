//! RecordOutcome.

use jiff::Timestamp;

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, new_outcome, outcome_to_proto, parse_turn},
};

pub(super) async fn handle(
    call: Call,
    request: pb::RecordOutcomeRequest,
) -> Result<pb::RecordOutcomeResponse, ApiError> {
    let pb::RecordOutcomeRequest { turn, outcome } = request;
    let mut violations = Violations::new();
    let turn = violations.take(parse_turn("turn", &turn));
    let sequence = turn.as_ref().map_or(0, |(_, sequence)| *sequence);
    let outcome = new_outcome(outcome, sequence, Timestamp::now(), &mut violations);
    let ((id, _), outcome) = violations.finish(turn.zip(outcome))?;
    let (stored, repeated_record) = call.engine.record_outcome(&call.tenant, &id, outcome).await?;
    let outcome = Some(outcome_to_proto(&id, &stored));
    Ok(pb::RecordOutcomeResponse { outcome, repeated_record })
}
