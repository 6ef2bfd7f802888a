"""The methods of the protocol, typed: path, messages, and whether a repeat of
the same request is harmless.

A method that is not here does not exist for the SDK; a test compares the table
with the descriptors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from throughline import v1
from throughline.idempotency import (
    fill_outcome_id,
    fill_request_id,
    fill_turn_id,
    fill_turn_ids,
)

Req = TypeVar("Req", bound=Message)
Resp = TypeVar("Resp", bound=Message)


@dataclass(frozen=True)
class _Described(Generic[Req, Resp]):
    path: str
    request: type[Req]
    response: type[Resp]

    def on(self, opener: Callable[..., Any]) -> Any:
        """What calls it: `opener` is `unary_unary` of a channel of grpcio, or one of
        its siblings."""
        return opener(
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )


@dataclass(frozen=True)
class Method(_Described[Req, Resp]):
    """A method with one answer to one request."""

    repeatable: bool
    """Sending the request again changes nothing more: reads, writes that carry an
    idempotency key, and those that leave the same behind."""
    fill_keys: Callable[[Req], None] | None = None
    """Draws the idempotency keys that the caller left empty."""


class ServerStream(_Described[Req, Resp]):
    """A method that answers with a stream."""


class ClientStream(_Described[Req, Resp]):
    """A method that takes a stream."""


_CONVERSATION = "/throughline.v1.ConversationService/"
_MEMORY = "/throughline.v1.MemoryService/"
_ITEMS = "/throughline.v1.ItemService/"
_CONTEXT = "/throughline.v1.ContextService/"
_DEGRADATION = "/throughline.v1.DegradationService/"
_USAGE = "/throughline.v1.UsageService/"
_SERVER = "/throughline.v1.ServerService/"

CREATE_CONVERSATION = Method(
    _CONVERSATION + "CreateConversation",
    v1.CreateConversationRequest,
    v1.CreateConversationResponse,
    repeatable=True,
    fill_keys=fill_request_id,
)
GET_CONVERSATION = Method(
    _CONVERSATION + "GetConversation",
    v1.GetConversationRequest,
    v1.GetConversationResponse,
    repeatable=True,
)
LIST_CONVERSATIONS = Method(
    _CONVERSATION + "ListConversations",
    v1.ListConversationsRequest,
    v1.ListConversationsResponse,
    repeatable=True,
)
UPDATE_CONVERSATION = Method(
    _CONVERSATION + "UpdateConversation",
    v1.UpdateConversationRequest,
    v1.UpdateConversationResponse,
    repeatable=False,
)
DELETE_CONVERSATION = Method(
    _CONVERSATION + "DeleteConversation",
    v1.DeleteConversationRequest,
    v1.DeleteConversationResponse,
    repeatable=False,
)
APPEND_TURNS = Method(
    _CONVERSATION + "AppendTurns",
    v1.AppendTurnsRequest,
    v1.AppendTurnsResponse,
    repeatable=True,
    fill_keys=fill_turn_ids,
)
STREAM_TURNS = ClientStream(
    _CONVERSATION + "StreamTurns", v1.StreamTurnsRequest, v1.StreamTurnsResponse
)
LIST_TURNS = Method(
    _CONVERSATION + "ListTurns", v1.ListTurnsRequest, v1.ListTurnsResponse, repeatable=True
)
FORK_CONVERSATION = Method(
    _CONVERSATION + "ForkConversation",
    v1.ForkConversationRequest,
    v1.ForkConversationResponse,
    repeatable=True,
    fill_keys=fill_request_id,
)
FORGET_TURNS = Method(
    _CONVERSATION + "ForgetTurns",
    v1.ForgetTurnsRequest,
    v1.ForgetTurnsResponse,
    repeatable=False,
)
EXPORT_CONVERSATION = ServerStream(
    _CONVERSATION + "ExportConversation",
    v1.ExportConversationRequest,
    v1.ExportConversationResponse,
)
IMPORT_CONVERSATION = ClientStream(
    _CONVERSATION + "ImportConversation",
    v1.ImportConversationRequest,
    v1.ImportConversationResponse,
)
WATCH_CONVERSATION = ServerStream(
    _CONVERSATION + "WatchConversation",
    v1.WatchConversationRequest,
    v1.WatchConversationResponse,
)
SEARCH_TURNS = Method(
    _MEMORY + "SearchTurns", v1.SearchTurnsRequest, v1.SearchTurnsResponse, repeatable=True
)
PIN_FACT = Method(
    _MEMORY + "PinFact",
    v1.PinFactRequest,
    v1.PinFactResponse,
    repeatable=True,
    fill_keys=fill_request_id,
)
UPDATE_FACT = Method(
    _MEMORY + "UpdateFact", v1.UpdateFactRequest, v1.UpdateFactResponse, repeatable=False
)
UNPIN_FACT = Method(
    _MEMORY + "UnpinFact", v1.UnpinFactRequest, v1.UnpinFactResponse, repeatable=False
)
LIST_FACTS = Method(
    _MEMORY + "ListFacts", v1.ListFactsRequest, v1.ListFactsResponse, repeatable=True
)
GET_STALENESS = Method(
    _MEMORY + "GetStaleness", v1.GetStalenessRequest, v1.GetStalenessResponse, repeatable=True
)
REJECT_EDGE = Method(
    _MEMORY + "RejectEdge", v1.RejectEdgeRequest, v1.RejectEdgeResponse, repeatable=False
)
GET_SUMMARY = Method(
    _MEMORY + "GetSummary", v1.GetSummaryRequest, v1.GetSummaryResponse, repeatable=True
)
SUMMARIZE = Method(
    _MEMORY + "Summarize", v1.SummarizeRequest, v1.SummarizeResponse, repeatable=True
)
PUT_ITEM = Method(_ITEMS + "PutItem", v1.PutItemRequest, v1.PutItemResponse, repeatable=True)
GET_ITEM = Method(_ITEMS + "GetItem", v1.GetItemRequest, v1.GetItemResponse, repeatable=True)
DELETE_ITEM = Method(
    _ITEMS + "DeleteItem", v1.DeleteItemRequest, v1.DeleteItemResponse, repeatable=False
)
SEARCH_ITEMS = Method(
    _ITEMS + "SearchItems", v1.SearchItemsRequest, v1.SearchItemsResponse, repeatable=True
)
LIST_ITEMS = Method(
    _ITEMS + "ListItems", v1.ListItemsRequest, v1.ListItemsResponse, repeatable=True
)
LIST_NAMESPACES = Method(
    _ITEMS + "ListNamespaces",
    v1.ListNamespacesRequest,
    v1.ListNamespacesResponse,
    repeatable=True,
)
BUILD_CONTEXT = Method(
    _CONTEXT + "BuildContext", v1.BuildContextRequest, v1.BuildContextResponse, repeatable=True
)
PREPARE_TURN = Method(
    _CONTEXT + "PrepareTurn",
    v1.PrepareTurnRequest,
    v1.PrepareTurnResponse,
    repeatable=True,
    fill_keys=fill_turn_id,
)
GET_DEGRADATION = Method(
    _DEGRADATION + "GetDegradation",
    v1.GetDegradationRequest,
    v1.GetDegradationResponse,
    repeatable=True,
)
RECORD_OUTCOME = Method(
    _DEGRADATION + "RecordOutcome",
    v1.RecordOutcomeRequest,
    v1.RecordOutcomeResponse,
    repeatable=True,
    fill_keys=fill_outcome_id,
)
GET_COHORT_DEGRADATION = Method(
    _DEGRADATION + "GetCohortDegradation",
    v1.GetCohortDegradationRequest,
    v1.GetCohortDegradationResponse,
    repeatable=True,
)
WATCH_HEALTH = ServerStream(
    _DEGRADATION + "WatchHealth", v1.WatchHealthRequest, v1.WatchHealthResponse
)
GET_USAGE = Method(_USAGE + "GetUsage", v1.GetUsageRequest, v1.GetUsageResponse, repeatable=True)
GET_SERVER_INFO = Method(
    _SERVER + "GetServerInfo", v1.GetServerInfoRequest, v1.GetServerInfoResponse, repeatable=True
)
