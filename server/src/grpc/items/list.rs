//! ListItems, by key. The cursor is the last key of the page.

use prost::Message as _;
use throughline_memory::items::ItemKey;

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{self, DEFAULT_PAGE_SIZE, Violations, item_to_proto, namespace},
};

pub(super) fn handle(
    call: &Call,
    request: pb::ListItemsRequest,
) -> Result<pb::ListItemsResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = page_scope(call, &request);
    let (limits, mut violations) = (call.limits(), Violations::new());
    let namespace = namespace(request.namespace, limits, &mut violations);
    let limit = wire::page_size(request.page_size, DEFAULT_PAGE_SIZE, limits, &mut violations);
    let after = violations.take(pages.open_as(&scope, &request.page_token, ItemKey::new));
    let ((namespace, limit), after) = violations.finish(namespace.zip(limit).zip(after))?;
    let page = call.engine.list_items(&call.tenant, &namespace, after.as_ref(), limit)?;
    let mut items: Vec<pb::MemoryItem> = page.items.into_iter().map(item_to_proto).collect();
    let whole = wire::whole_prefix(items.iter().map(pb::MemoryItem::encoded_len));
    let more = page.more || whole < items.len();
    items.truncate(whole);
    let next = items.last().filter(|_| more).map(|last| pages.seal(&scope, &last.key));
    Ok(pb::ListItemsResponse { items, next_page_token: next.unwrap_or_default() })
}

/// Pages may differ in size, in nothing else.
fn page_scope(call: &Call, request: &pb::ListItemsRequest) -> PageScope {
    let bound = pb::ListItemsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    PageScope::new(&call.tenant, "ListItems", &bound.encode_to_vec())
}
