//! SearchItems. The cursor is the rank of the first hit of the next page.

use prost::Message as _;
use throughline_memory::engine::ItemSearch;

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{
        self, Violations, item_filter, item_hit_to_proto, namespace_prefix, shortfall_to_proto,
        skip,
    },
};

const DEFAULT_HITS: usize = 10;

pub(super) async fn handle(
    call: Call,
    request: pb::SearchItemsRequest,
) -> Result<pb::SearchItemsResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = page_scope(&call, &request);
    let (limits, mut violations) = (call.limits(), Violations::new());
    let pb::SearchItemsRequest { namespace_prefix: prefix, query, filter, page_size, .. } = request;
    let below = namespace_prefix("namespace_prefix", prefix, limits, &mut violations);
    violations.check_bytes("query", &query, "query_bytes", limits.query_bytes);
    let filter = item_filter(filter, &mut violations);
    let limit = wire::page_size(page_size, DEFAULT_HITS, limits, &mut violations);
    let rank = pages.open_as(&scope, &request.page_token, |rank| rank.parse::<usize>());
    let rank = violations.take(rank).map(Option::unwrap_or_default);
    let skip = skip(request.skip, &mut violations);
    let offset = rank.zip(skip).map(|(rank, skip)| rank + skip);
    let search = (|| {
        let (below, filter) = (vec![below?], filter?);
        let (offset, limit) = (offset?, limit?);
        Some(ItemSearch { below, query, filter, indexed_only: false, offset, limit })
    })();
    let search = violations.finish(search)?;
    let offset = search.offset;
    let found = call.engine.search_items(&call.tenant, search).await?;
    let mut hits: Vec<pb::ItemHit> = found.hits.into_iter().map(item_hit_to_proto).collect();
    let whole = wire::whole_prefix(hits.iter().map(pb::ItemHit::encoded_len));
    let more = found.more || whole < hits.len();
    hits.truncate(whole);
    let next = more.then(|| pages.seal(&scope, &(offset + whole).to_string()));
    Ok(pb::SearchItemsResponse {
        hits,
        next_page_token: next.unwrap_or_default(),
        shortfalls: found.shortfalls.iter().map(shortfall_to_proto).collect(),
    })
}

/// Pages may differ in size and in what they leave out, in nothing else.
fn page_scope(call: &Call, request: &pb::SearchItemsRequest) -> PageScope {
    let bound = pb::SearchItemsRequest {
        page_size: 0,
        page_token: String::new(),
        skip: 0,
        ..request.clone()
    };
    PageScope::new(&call.tenant, "SearchItems", &bound.encode_to_vec())
}
