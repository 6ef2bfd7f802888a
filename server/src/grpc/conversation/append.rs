//! AppendTurns: all turns or none, answered when they are durable.

use throughline_memory::{
    engine::{Appended, AppendedTurn, Limits},
    turn::{ConversationId, NewTurn},
};
use tonic::Code;

use crate::{
    grpc::{ApiError, Call, status::Failure},
    pb,
    wire::{Violations, new_turn, parse_conversation, turn_name},
};

pub(super) async fn handle(
    call: Call,
    request: pb::AppendTurnsRequest,
) -> Result<pb::AppendTurnsResponse, ApiError> {
    let pb::AppendTurnsRequest { conversation, turns, expected_last_sequence, wait_indexed } =
        request;
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &conversation));
    if turns.is_empty() {
        violations.add("turns", "at least one turn is required");
    }
    let turns = checked_turns(turns, call.limits(), &mut violations);
    let (id, turns) = violations.finish(id.zip(turns))?;
    let appended =
        call.engine.append_turns(&call.tenant, &id, turns, expected_last_sequence).await?;
    if wait_indexed {
        wait(&call, &id, &appended).await?;
    }
    Ok(pb::AppendTurnsResponse {
        turns: appended.turns.into_iter().map(|turn| appended_to_proto(&id, turn)).collect(),
        revision: appended.revision,
        last_sequence: appended.last_sequence,
    })
}

/// Checks the turns of one message.
pub(super) fn checked_turns(
    turns: Vec<pb::Turn>,
    limits: &Limits,
    violations: &mut Violations,
) -> Option<Vec<NewTurn>> {
    if turns.len() as u64 > limits.turns_per_append {
        let (is, max) = (turns.len(), limits.turns_per_append);
        violations.add("turns", format!("has {is} turns, the limit turns_per_append is {max}"));
        return None;
    }
    let mut checked = Vec::with_capacity(turns.len());
    for (at, turn) in turns.into_iter().enumerate() {
        // Goes on after a bad one: the caller learns of all of them.
        checked.push(new_turn(turn, &format!("turns[{at}]"), limits, violations));
    }
    checked.into_iter().collect()
}

/// Waits until the turns are searchable. They are stored already, and an answer
/// that comes too late says so.
async fn wait(call: &Call, id: &ConversationId, appended: &Appended) -> Result<(), ApiError> {
    let Some(last) = appended.turns.iter().map(|turn| turn.sequence).max() else { return Ok(()) };
    if let Some(done) = call.deadline.bound(call.engine.wait_indexed(&call.tenant, id, last)).await
    {
        return Ok(done?);
    }
    let message = format!(
        "the turns are stored up to sequence {last} (revision {}), but not searchable before the \
         deadline; do not append them again, or only under the same client turn ids",
        appended.revision
    );
    let about = [("sequence", last.to_string()), ("revision", appended.revision.to_string())];
    Err(Failure::with(Code::DeadlineExceeded, "NOT_INDEXED_IN_TIME", message, &about)
        .status()
        .into())
}

fn appended_to_proto(conversation: &ConversationId, turn: AppendedTurn) -> pb::AppendedTurn {
    pb::AppendedTurn {
        name: turn_name(conversation, turn.sequence),
        sequence: turn.sequence,
        client_turn_id: turn.client_turn_id,
        repeated_append: turn.repeated,
    }
}
