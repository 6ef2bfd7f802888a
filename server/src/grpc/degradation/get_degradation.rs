//! GetDegradation, by sequence. The cursor is the last turn that was looked at.

use prost::Message as _;
use throughline_memory::engine::DegradationRequest;

use super::handover;
use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{
        DEFAULT_PAGE_SIZE, Violations, degradation_to_proto, health_to_proto, page_size,
        parse_conversation, whole_prefix,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::GetDegradationRequest,
) -> Result<pb::GetDegradationResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = page_scope(&call, &request);
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &request.conversation));
    let after = pages.open_as(&scope, &request.page_token, |after| after.parse::<u64>());
    let after = violations.take(after);
    let limit = page_size(request.page_size, DEFAULT_PAGE_SIZE, call.limits(), &mut violations);
    let ((id, after), limit) = violations.finish(id.zip(after).zip(limit))?;
    let wanted = DegradationRequest {
        after: after.unwrap_or(0),
        limit: limit as u64,
        min_revision: request.min_revision,
    };
    let work = call.engine.degradation(&call.tenant, &id, wanted);
    let page = call.until_revision(Some(&id), request.min_revision, work).await?;
    let shown = page.turns.iter().map(|(at, known)| degradation_to_proto(&id, *at, known));
    let mut turns: Vec<_> = shown.collect();
    let whole = whole_prefix(turns.iter().map(pb::TurnDegradation::encoded_len));
    let cut = (whole < turns.len()).then(|| page.turns.keys().nth(whole.saturating_sub(1)));
    turns.truncate(whole);
    let next = cut.flatten().copied().or(page.next_after);
    let health = call.engine.health(&call.tenant, &id).await?;
    // It is the same beside every page, and takes a while.
    let handover = match request.page_token.as_str() {
        "" => handover(&call, &id, &health).await?,
        _ => None,
    };
    Ok(pb::GetDegradationResponse {
        turns,
        next_page_token: next.map(|at| pages.seal(&scope, &at.to_string())).unwrap_or_default(),
        handover,
        health: Some(health_to_proto(&id, &health)),
        measured_sequence: page.measured_until,
        revision: page.revision,
    })
}

/// Pages may differ in size and in what they wait for, in nothing else.
fn page_scope(call: &Call, request: &pb::GetDegradationRequest) -> PageScope {
    let bound = pb::GetDegradationRequest {
        page_size: 0,
        page_token: String::new(),
        min_revision: 0,
        ..request.clone()
    };
    PageScope::new(&call.tenant, "GetDegradation", &bound.encode_to_vec())
}
