//! ListFacts, oldest first. The cursor is the last id of the page.

use prost::Message as _;
use throughline_memory::turn::FactId;

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{self, DEFAULT_PAGE_SIZE, Violations, fact_to_proto, parse_conversation},
};

pub(super) async fn handle(
    call: Call,
    request: pb::ListFactsRequest,
) -> Result<pb::ListFactsResponse, ApiError> {
    let pb::ListFactsRequest { conversation, page_size, page_token, include_retired, min_revision } =
        request;
    let pages = &call.opened()?.pages;
    let bound = format!("{conversation} {include_retired}");
    let scope = PageScope::new(&call.tenant, "ListFacts", bound.as_bytes());
    let mut violations = Violations::new();
    let id = violations.take(parse_conversation("conversation", &conversation));
    let limit = wire::page_size(page_size, DEFAULT_PAGE_SIZE, call.limits(), &mut violations);
    let after = violations.take(pages.open_as(&scope, &page_token, |id| FactId::new(&id)));
    let ((id, limit), after) = violations.finish(id.zip(limit).zip(after))?;
    call.at_revision(&id, min_revision).await?;
    let engine = &call.engine;
    let listing =
        engine.list_facts(&call.tenant, &id, after.as_ref(), limit, include_retired).await?;
    let (facts, mut more, revision) = listing;
    let mut ids: Vec<FactId> = facts.iter().map(|pinned| pinned.fact.id.clone()).collect();
    let mut page: Vec<_> = facts.into_iter().map(|fact| fact_to_proto(&id, fact)).collect();
    let whole = wire::whole_prefix(page.iter().map(pb::Fact::encoded_len));
    more |= whole < page.len();
    page.truncate(whole);
    ids.truncate(whole);
    let next = ids.last().filter(|_| more).map(|last| pages.seal(&scope, last.as_str()));
    Ok(pb::ListFactsResponse { facts: page, next_page_token: next.unwrap_or_default(), revision })
}
