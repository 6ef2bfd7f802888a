//! ListNamespaces, in order. The cursor is the last namespace of the page, as it
//! was shown, its labels apart by zero bytes.

use prost::Message as _;
use throughline_memory::{engine::NamespaceRequest, items::Namespace};

use crate::{
    grpc::{ApiError, Call},
    page_token::PageScope,
    pb,
    wire::{self, DEFAULT_PAGE_SIZE, Violations, max_depth, namespace_conditions, skip},
};

const APART: char = '\0';

pub(super) fn handle(
    call: &Call,
    request: pb::ListNamespacesRequest,
) -> Result<pb::ListNamespacesResponse, ApiError> {
    let pages = &call.opened()?.pages;
    let scope = page_scope(call, &request);
    let (limits, mut violations) = (call.limits(), Violations::new());
    let conditions = namespace_conditions(request.conditions, limits, &mut violations);
    let depth = max_depth(request.max_depth, &mut violations);
    let limit = wire::page_size(request.page_size, DEFAULT_PAGE_SIZE, limits, &mut violations);
    let after = pages.open_as(&scope, &request.page_token, |labels| {
        Namespace::new(labels.split(APART).map(str::to_owned).collect())
    });
    let after = violations.take(after);
    let skip = skip(request.skip, &mut violations);
    let wanted = (|| {
        let (conditions, depth, after) = (conditions?, depth?, after?);
        Some(NamespaceRequest { conditions, depth, after, skip: skip?, limit: limit? })
    })();
    let wanted = violations.finish(wanted)?;
    let page = call.engine.list_namespaces(&call.tenant, &wanted)?;
    let namespaces = page.namespaces.into_iter();
    let namespaces: Vec<pb::ItemNamespace> =
        namespaces.map(|namespace| pb::ItemNamespace { labels: namespace.into() }).collect();
    let last = namespaces.last().filter(|_| page.more);
    let next = last.map(|last| pages.seal(&scope, &last.labels.join(&APART.to_string())));
    Ok(pb::ListNamespacesResponse { namespaces, next_page_token: next.unwrap_or_default() })
}

/// Pages may differ in size and in what they leave out, in nothing else.
fn page_scope(call: &Call, request: &pb::ListNamespacesRequest) -> PageScope {
    let bound = pb::ListNamespacesRequest {
        page_size: 0,
        page_token: String::new(),
        skip: 0,
        ..request.clone()
    };
    PageScope::new(&call.tenant, "ListNamespaces", &bound.encode_to_vec())
}
