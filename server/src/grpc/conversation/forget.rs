//! ForgetTurns.

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{Violations, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::ForgetTurnsRequest,
) -> Result<pb::ForgetTurnsResponse, ApiError> {
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let (given, max) = (request.sequences.len() as u64, call.limits().turns_per_append);
    if given == 0 {
        violations.add("sequences", "at least one sequence is required");
    } else if given > max {
        violations
            .add("sequences", format!("has {given} entries, the limit turns_per_append is {max}"));
    }
    for (at, _) in request.sequences.iter().enumerate().filter(|(_, sequence)| **sequence == 0) {
        violations.add(format!("sequences[{at}]"), "sequences start at 1");
    }
    let id = violations.finish(id)?;
    let forgotten = call.engine.forget_turns(&call.tenant, &id, &request.sequences).await?;
    Ok(pb::ForgetTurnsResponse {
        turns_removed: forgotten.turns_removed,
        facts_removed: forgotten.facts_removed,
        revision: forgotten.revision,
    })
}
