//! ListTurns. The cursor is the sequence that the next page begins with.

use throughline_memory::engine::ListTurns;

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{
        self, DEFAULT_PAGE_SIZE, MAX_PAGE_BYTES, Violations, parse_conversation, turn_to_proto,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::ListTurnsRequest,
) -> Result<pb::ListTurnsResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = scope(&call, &request);
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let limit =
        wire::page_size(request.page_size, DEFAULT_PAGE_SIZE, call.limits(), &mut violations);
    let from = pages.open_as(&scope, &request.page_token, |from| from.parse::<u64>());
    let from = violations.take(from);
    let ((id, limit), from) = violations.finish(id.zip(limit).zip(from))?;
    call.at_revision(&id, request.min_revision).await?;
    let which = ListTurns {
        from: from.unwrap_or(request.from_sequence),
        descending: request.descending,
        limit,
        max_bytes: MAX_PAGE_BYTES,
    };
    let page = call.engine.list_turns(&call.tenant, &id, which).await?;
    let turns: Result<Vec<_>, _> =
        page.turns.iter().map(|turn| turn_to_proto(&id, turn, false)).collect();
    let next = page.next.map(|from| pages.seal(&scope, &from.to_string()));
    Ok(pb::ListTurnsResponse {
        turns: turns?,
        next_page_token: next.unwrap_or_default(),
        revision: page.revision,
    })
}

fn scope(call: &Call, request: &pb::ListTurnsRequest) -> PageScope {
    let bound =
        format!("{} {} {}", request.from_sequence, request.descending, request.conversation);
    PageScope::new(&call.tenant, "ListTurns", bound.as_bytes())
}
