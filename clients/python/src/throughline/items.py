"""What the clients do with items, as values; see `operations`.

A namespace is a sequence of labels, the widest first: `("users", "ada")`. A value
is anything that JSON writes as an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from throughline import methods, v1
from throughline.operations import Operation, Page, operation, page_of

Namespace = Sequence[str]


def put_item(
    namespace: Namespace,
    key: str,
    value: Mapping[str, Any],
    *,
    index: Sequence[str] | bool = True,
    wait_indexed: bool = False,
    timeout: float | None = None,
) -> Operation[v1.MemoryItem]:
    """Stores an item, or replaces what is there.

    `index` names what a query finds of the value by paths such as `title` or
    `parts[*].text`; the whole if True, nothing if False or empty. The item is
    durable when the call answers; with `wait_indexed` it is found by meaning too.
    Raises `TypeError` or `ValueError` for what is no JSON.
    """
    request = v1.PutItemRequest(
        namespace=namespace,
        key=key,
        value_json=to_json(value),
        index_paths=[] if isinstance(index, bool) else index,
        unindexed=not index,
        wait_indexed=wait_indexed,
    )
    return operation(methods.PUT_ITEM, request, lambda r: r.item, timeout)


def get_item(
    namespace: Namespace, key: str, *, timeout: float | None = None
) -> Operation[v1.MemoryItem]:
    """Reads an item."""
    request = v1.GetItemRequest(namespace=namespace, key=key)
    return operation(methods.GET_ITEM, request, lambda r: r.item, timeout)


def delete_item(
    namespace: Namespace, key: str, *, timeout: float | None = None
) -> Operation[v1.DeleteItemResponse]:
    """Erases an item with its vectors."""
    request = v1.DeleteItemRequest(namespace=namespace, key=key)
    return operation(methods.DELETE_ITEM, request, lambda r: r, timeout)


def search_items(
    namespace_prefix: Namespace = (),
    query: str = "",
    *,
    filter: Iterable[v1.ItemCondition] = (),
    skip: int = 0,
    page_size: int = 0,
    page_token: str = "",
    timeout: float | None = None,
) -> Operation[Page[v1.ItemHit]]:
    """Items below a namespace, best first; without a query the newest first."""
    request = v1.SearchItemsRequest(
        namespace_prefix=namespace_prefix,
        query=query,
        filter=filter,
        skip=skip,
        page_size=page_size,
        page_token=page_token,
    )
    return operation(methods.SEARCH_ITEMS, request, lambda r: page_of(r.hits, r), timeout)


def list_items(
    namespace: Namespace,
    *,
    page_size: int = 0,
    page_token: str = "",
    timeout: float | None = None,
) -> Operation[Page[v1.MemoryItem]]:
    """One page of the items of a namespace, by key."""
    request = v1.ListItemsRequest(namespace=namespace, page_size=page_size, page_token=page_token)
    return operation(methods.LIST_ITEMS, request, lambda r: page_of(r.items, r), timeout)


def list_namespaces(
    conditions: Iterable[v1.NamespaceCondition] = (),
    *,
    max_depth: int = 0,
    skip: int = 0,
    page_size: int = 0,
    page_token: str = "",
    timeout: float | None = None,
) -> Operation[Page[tuple[str, ...]]]:
    """One page of the namespaces that hold items, in order."""
    request = v1.ListNamespacesRequest(
        conditions=conditions,
        max_depth=max_depth,
        skip=skip,
        page_size=page_size,
        page_token=page_token,
    )

    def read(answer: v1.ListNamespacesResponse) -> Page[tuple[str, ...]]:
        return page_of((tuple(found.labels) for found in answer.namespaces), answer)

    return operation(methods.LIST_NAMESPACES, request, read, timeout)


def to_json(value: Any) -> str:
    """JSON as it is stored; raises `ValueError` for NaN and infinite numbers."""
    if isinstance(value, Mapping):
        value = dict(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
