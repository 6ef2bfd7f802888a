"""A LangGraph store over the items of Throughline.

    store = ThroughlineStore(Client())
    graph = builder.compile(store=store)

Items are durable when `put` answers. `search` finds them by meaning and by words;
the embedding is the server's, so there is no index to configure. Items do not
expire: `supports_ttl` is False.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timezone
from typing import Any, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)

from throughline import items, v1
from throughline.aio import AsyncClient
from throughline.client import Client
from throughline.errors import NotFoundError
from throughline.flow import Flow, run, run_async
from throughline.operations import Page

_MAX_PAGE = 1_000
_MAX_QUERY = 8 << 10
"""Bytes of a query that a search takes (limit `query_bytes`)."""

_OPERATORS = {
    "$eq": v1.ITEM_OPERATOR_EQUAL,
    "$ne": v1.ITEM_OPERATOR_NOT_EQUAL,
    "$gt": v1.ITEM_OPERATOR_GREATER,
    "$gte": v1.ITEM_OPERATOR_GREATER_OR_EQUAL,
    "$lt": v1.ITEM_OPERATOR_LESS,
    "$lte": v1.ITEM_OPERATOR_LESS_OR_EQUAL,
}

_ENDS = {"prefix": v1.NAMESPACE_END_PREFIX, "suffix": v1.NAMESPACE_END_SUFFIX}


class ThroughlineStore(BaseStore):
    """Long-term memory that threads share.

    With a `Client` it serves synchronous and asynchronous graphs, with an
    `AsyncClient` asynchronous ones alone. `fields` are the paths that a query finds
    of items that name none; the whole value if None. `wait_indexed`: a put answers
    when its item is found by meaning; without, it is found by its words until then.
    A query over 8 KiB is cut at a word.

    Raises `ThroughlineError` where a call fails, `ValueError` and `TypeError` for
    values that are no JSON.
    """

    supports_ttl = False

    __slots__ = ("_client", "_fields", "_wait_indexed")

    def __init__(
        self,
        client: Client | AsyncClient,
        *,
        fields: Sequence[str] | None = None,
        wait_indexed: bool = True,
    ) -> None:
        super().__init__()
        self._client = client
        self._fields = fields
        self._wait_indexed = wait_indexed

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Reads in order, then writes; of several writes of one item the last counts."""
        return run(self._client, self._flow(list(ops)))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, from asyncio."""
        return await run_async(self._client, self._flow(list(ops)))

    def _flow(self, ops: list[Op]) -> Flow[list[Result]]:
        results: list[Result] = []
        writes: dict[tuple[tuple[str, ...], str], PutOp] = {}
        for op in ops:
            if isinstance(op, PutOp):
                # Taken out first, so that the last write stands last.
                writes.pop((op.namespace, op.key), None)
                writes[op.namespace, op.key] = op
                results.append(None)
            else:
                results.append((yield from _read(op)))
        puts = [op for op in writes.values() if op.value is not None and op.index is not False]
        for op in writes.values():
            # The server embeds in order: when the last one is found, all are.
            yield from self._write(op, wait=self._wait_indexed and op in puts[-1:])
        return results

    def _write(self, op: PutOp, *, wait: bool) -> Flow[None]:
        if op.value is None:
            try:
                yield items.delete_item(op.namespace, op.key)
            except NotFoundError:
                return
        else:
            index = self._fields if op.index is None else op.index
            yield items.put_item(
                op.namespace,
                op.key,
                op.value,
                index=True if index is None else index,
                wait_indexed=wait,
            )


def _read(op: GetOp | SearchOp | ListNamespacesOp) -> Flow[Result]:
    if isinstance(op, GetOp):
        try:
            found: v1.MemoryItem = yield items.get_item(op.namespace, op.key)
        except NotFoundError:
            return None
        return Item(**_fields_of(found))
    if isinstance(op, SearchOp):
        return (yield from _search(op))
    if isinstance(op, ListNamespacesOp):
        return (yield from _list(op))
    raise ValueError(f"Unknown operation type: {type(op)}")


def _search(op: SearchOp) -> Flow[list[SearchItem]]:
    conditions = list(_conditions(op.filter or {}))
    found: list[SearchItem] = []
    token, skip = "", op.offset
    while len(found) < op.limit:
        page: Page[v1.ItemHit] = yield items.search_items(
            op.namespace_prefix,
            _head(op.query or ""),
            filter=conditions,
            skip=skip,
            page_size=min(op.limit - len(found), _MAX_PAGE),
            page_token=token,
        )
        found.extend(_search_item(hit) for hit in page.items)
        token, skip = page.next_page_token, 0
        if not token:
            break
    return found


def _head(query: str) -> str:
    """As much of a query as a search takes, cut at a word."""
    head = query.encode(errors="replace")[:_MAX_QUERY].decode(errors="ignore")
    if len(head) == len(query):
        return query
    words = re.match(r"(.*\S)\s", head, re.DOTALL)
    return words[1] if words else head


def _list(op: ListNamespacesOp) -> Flow[list[tuple[str, ...]]]:
    conditions = [_match(match) for match in op.match_conditions or () if match.path]
    found: list[tuple[str, ...]] = []
    token, skip = "", op.offset
    while len(found) < op.limit:
        page: Page[tuple[str, ...]] = yield items.list_namespaces(
            conditions,
            max_depth=op.max_depth or 0,
            skip=skip,
            page_size=min(op.limit - len(found), _MAX_PAGE),
            page_token=token,
        )
        found.extend(page.items)
        token, skip = page.next_page_token, 0
        if not token:
            break
    return found


def _match(condition: MatchCondition) -> v1.NamespaceCondition:
    end = _ENDS.get(condition.match_type)
    if end is None:
        raise ValueError(f"Unsupported match type: {condition.match_type}")
    return v1.NamespaceCondition(end=end, labels=condition.path)


def _conditions(
    wanted: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[v1.ItemCondition]:
    for name, value in wanted.items():
        field = (*path, name)
        if not isinstance(value, Mapping):
            yield _condition(field, "$eq", value)
        elif any(key.startswith("$") for key in value):
            for operator, operand in value.items():
                yield _condition(field, operator, operand)
        else:
            yield from _conditions(value, field)


def _condition(field: tuple[str, ...], operator: str, operand: Any) -> v1.ItemCondition:
    if operator not in _OPERATORS:
        raise ValueError(f"Unsupported operator: {operator}")
    return v1.ItemCondition(
        field=field, operator=_OPERATORS[operator], value_json=items.to_json(operand)
    )


def _search_item(hit: v1.ItemHit) -> SearchItem:
    score = hit.score.total if hit.HasField("score") else None
    return SearchItem(**_fields_of(hit.item), score=score)


def _fields_of(item: v1.MemoryItem) -> dict[str, Any]:
    return {
        "value": cast("dict[str, Any]", json.loads(item.value_json)),
        "key": item.key,
        "namespace": tuple(item.namespace),
        "created_at": item.create_time.ToDatetime(tzinfo=timezone.utc),
        "updated_at": item.update_time.ToDatetime(tzinfo=timezone.utc),
    }
