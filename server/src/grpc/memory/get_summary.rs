//! GetSummary, oldest first. The cursor is the last turn of the page.

use prost::Message as _;

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{
        self, DEFAULT_PAGE_SIZE, Violations, parse_conversation, summary_to_proto, summary_view,
    },
};

pub(super) async fn handle(
    call: Call,
    request: pb::GetSummaryRequest,
) -> Result<pb::GetSummaryResponse, ApiError> {
    let pb::GetSummaryRequest {
        conversation,
        view,
        as_of_turn,
        page_size,
        page_token,
        min_revision,
    } = request;
    let pages = &call.opened()?.pages;
    let bound = format!("{conversation} {view} {as_of_turn}");
    let scope = PageScope::new(&call.tenant, "GetSummary", bound.as_bytes());
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &conversation));
    let view = summary_view(view, &mut violations);
    let limit = wire::page_size(page_size, DEFAULT_PAGE_SIZE, call.limits(), &mut violations);
    let after = violations.take(pages.open_as(&scope, &page_token, |after| after.parse::<u64>()));
    let (((id, view), limit), after) = violations.finish(id.zip(view).zip(limit).zip(after))?;
    call.at_revision(&id, min_revision).await?;
    let outcome = call.engine.summary(&call.tenant, &id, view, as_of_turn)?;
    let behind = outcome.summaries.iter().filter(|shown| shown.summary.until > after.unwrap_or(0));
    let page: Vec<_> = behind.collect();
    let mut shown: Vec<_> = page.iter().take(limit).map(|shown| summary_to_proto(shown)).collect();
    shown.truncate(wire::whole_prefix(shown.iter().map(pb::Summary::encoded_len)));
    let last = shown.last().filter(|_| shown.len() < page.len());
    let next = last.map(|last| pages.seal(&scope, &last.until_sequence.to_string()));
    Ok(pb::GetSummaryResponse {
        summaries: shown,
        folded_until_sequence: outcome.folded_until,
        next_page_token: next.unwrap_or_default(),
        revision: outcome.revision,
    })
}
