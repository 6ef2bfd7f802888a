//! SearchTurns. The cursor is the rank of the first hit of the next page.

use prost::Message as _;
use throughline_memory::{
    engine::{SearchRequest, SearchScope},
    turn::ConversationId,
};

use crate::{
    grpc::{ApiError, Call},
    page_token::{PageScope, PageTokens},
    pb,
    wire::{
        self, Violations, hit_to_proto, item_hit_to_proto, namespaces_beside, search_method,
        search_scope, shortfall_to_proto, turn_filter,
    },
};

const DEFAULT_HITS: usize = 10;

pub(super) async fn handle(
    call: Call,
    request: pb::SearchTurnsRequest,
) -> Result<pb::SearchTurnsResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = page_scope(&call, &request);
    let search = checked(&call, request, pages, &scope)?;
    let (offset, omit_parts, min_revision) =
        (search.offset, search.omit_parts, search.min_revision);
    let one: Option<ConversationId> = match &search.scope {
        SearchScope::Conversation(id) => Some(id.clone()),
        SearchScope::User(_) => None,
    };
    let work = call.engine.search(&call.tenant, search);
    let found = call.until_revision(one.as_ref(), min_revision, work).await?;
    let mut items: Vec<_> = found.items.into_iter().map(item_hit_to_proto).collect();
    let hits: Result<Vec<_>, _> =
        found.hits.iter().map(|hit| hit_to_proto(hit, omit_parts)).collect();
    let mut hits = hits?;
    let sizes = hits.iter().map(pb::SearchHit::encoded_len);
    // Items get the room that the hits leave.
    let fitting = wire::whole_prefix(sizes.chain(items.iter().map(pb::ItemHit::encoded_len)));
    items.truncate(fitting.saturating_sub(hits.len()));
    let whole = fitting.min(hits.len());
    let more = found.more || whole < hits.len();
    hits.truncate(whole);
    let next = more.then(|| pages.seal(&scope, &(offset + whole).to_string()));
    Ok(pb::SearchTurnsResponse {
        hits,
        next_page_token: next.unwrap_or_default(),
        revision: found.revision,
        shortfalls: found.shortfalls.iter().map(shortfall_to_proto).collect(),
        items,
    })
}

fn checked(
    call: &Call,
    request: pb::SearchTurnsRequest,
    pages: &PageTokens,
    page_scope: &PageScope,
) -> Result<SearchRequest, ApiError> {
    let (limits, mut violations) = (call.limits(), Violations::new());
    let scope = search_scope(request.scope, limits.user_id_bytes, &mut violations);
    if request.query.trim().is_empty() {
        violations.add("query", "is required");
    }
    violations.check_bytes("query", &request.query, "query_bytes", limits.query_bytes);
    let limit = wire::page_size(request.page_size, DEFAULT_HITS, limits, &mut violations);
    let offset = pages.open_as(page_scope, &request.page_token, |offset| offset.parse::<usize>());
    let offset = violations.take(offset).map(Option::unwrap_or_default);
    let filter = turn_filter(request.filter, scope.as_ref(), limits.name_bytes, &mut violations);
    let method = violations.take(search_method(request.method));
    if request.min_revision > 0 && matches!(scope, Some(SearchScope::User(_))) {
        violations.add("min_revision", "needs one conversation as scope");
    }
    let (query, omit_parts, min_revision) =
        (request.query, request.omit_parts, request.min_revision);
    let ignore_staleness = request.ignore_staleness;
    let items_below = namespaces_beside(request.item_namespaces, limits, &mut violations);
    let search = (|| {
        Some(SearchRequest {
            scope: scope?,
            query,
            filter: filter?,
            method: method?,
            offset: offset?,
            limit: limit?,
            omit_parts,
            min_revision,
            ignore_staleness,
            items_below: items_below?,
        })
    })();
    Ok(violations.finish(search)?)
}

/// Pages may differ in size and in what they wait for, in nothing else.
fn page_scope(call: &Call, request: &pb::SearchTurnsRequest) -> PageScope {
    let bound = pb::SearchTurnsRequest {
        page_size: 0,
        page_token: String::new(),
        min_revision: 0,
        ..request.clone()
    };
    PageScope::new(&call.tenant, "SearchTurns", &bound.encode_to_vec())
}
