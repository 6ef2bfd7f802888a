//! PrepareTurn: appends the user's turn and builds its window.

use throughline_memory::{engine::ContextOutcome, turn::Role};

use crate::{
    grpc::{ApiError, Call},
    pb,
    wire::{
        Asked, ContextFields, Violations, context_request, new_turn, parse_conversation, turn_name,
        window_to_proto,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::PrepareTurnRequest,
) -> Result<(pb::PrepareTurnResponse, ContextOutcome), ApiError> {
    let pb::PrepareTurnRequest { conversation, turn, options, expected_last_sequence } = request;
    let (limits, mut violations) = (call.limits(), Violations::new());
    let id = violations.take(parse_conversation("conversation", &conversation));
    let turn = match turn {
        Some(turn) => new_turn(turn, "turn", limits, &mut violations),
        None => {
            violations.add("turn", "is required");
            None
        }
    };
    if turn.as_ref().is_some_and(|turn| turn.role != Role::User) {
        violations.add("turn.role", "must be ROLE_USER: the window is for the user's turn");
    }
    let (fields, tokenizers) = (ContextFields::default(), call.engine.tokenizer_names());
    let wanted = context_request(fields, options, &tokenizers, limits, &mut violations);
    let ((id, turn), wanted) = violations.finish(id.zip(turn).zip(wanted))?;
    let asked = Asked::from(&wanted);
    let (appended, outcome) =
        call.engine.prepare_turn(&call.tenant, &id, turn, expected_last_sequence, wanted).await?;
    let answer = pb::PrepareTurnResponse {
        turn: turn_name(&id, appended.sequence),
        repeated_append: appended.repeated,
        window: Some(window_to_proto(&id, asked, &outcome)),
    };
    Ok((answer, outcome))
}
