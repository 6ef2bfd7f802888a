//! StreamTurns: bulk import. Each message is one append, so what was taken in
//! before an error stays, and a retry under the same client turn ids goes on
//! where it ended.

use throughline_memory::{
    engine::{EngineError, FieldViolation},
    turn::ConversationId,
};
use tonic::Streaming;

use super::append::checked_turns;
use crate::{
    grpc::{ApiError, Call, gate::transport_status},
    pb,
    wire::{Violations, conversation_name, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    mut requests: Streaming<pb::StreamTurnsRequest>,
) -> Result<pb::StreamTurnsResponse, ApiError> {
    let mut target: Option<ConversationId> = None;
    let mut answer = pb::StreamTurnsResponse::default();
    while let Some(request) = next(&mut requests).await? {
        let mut violations = Violations::new();
        let id = named(&request.conversation, target.take(), &mut violations);
        let turns = checked_turns(request.turns, call.limits(), &mut violations);
        let (id, turns) = violations.finish(id.zip(turns))?;
        if !turns.is_empty() {
            let appended = call.engine.append_turns(&call.tenant, &id, turns, None).await?;
            let repeated = appended.turns.iter().filter(|turn| turn.repeated).count() as u64;
            answer.appended += appended.turns.len() as u64 - repeated;
            answer.repeated_appends += repeated;
            answer.revision = appended.revision;
            answer.last_sequence = appended.last_sequence;
        }
        target = Some(id);
    }
    let Some(id) = target else {
        let why = "the first message names it, but there was none";
        let violation = FieldViolation::new("conversation", why);
        return Err(EngineError::Invalid(vec![violation]).into());
    };
    if answer.revision == 0 {
        // Nothing was sent; the answer tells where the conversation stands.
        let found = call.engine.get_conversation(&call.tenant, &id).await?;
        (answer.revision, answer.last_sequence) = (found.revision, found.last_sequence);
    }
    Ok(answer)
}

async fn next(
    requests: &mut Streaming<pb::StreamTurnsRequest>,
) -> Result<Option<pb::StreamTurnsRequest>, ApiError> {
    requests.message().await.map_err(|status| transport_status(&status).into())
}

/// The first message names the conversation; later ones repeat it or are silent.
fn named(
    name: &str,
    target: Option<ConversationId>,
    violations: &mut Violations,
) -> Option<ConversationId> {
    match target {
        None => violations.take(parse_conversation("conversation", name)),
        Some(target) if name.is_empty() || name == conversation_name(&target) => Some(target),
        Some(target) => {
            let first = conversation_name(&target);
            violations.add("conversation", format!("differs from the first message's {first}"));
            None
        }
    }
}
