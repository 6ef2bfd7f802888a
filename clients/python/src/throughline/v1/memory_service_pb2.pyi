import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from throughline.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SummaryView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUMMARY_VIEW_UNSPECIFIED: _ClassVar[SummaryView]
    SUMMARY_VIEW_ROLLING: _ClassVar[SummaryView]
    SUMMARY_VIEW_SEGMENTS: _ClassVar[SummaryView]

class SearchMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_METHOD_UNSPECIFIED: _ClassVar[SearchMethod]
    SEARCH_METHOD_HYBRID: _ClassVar[SearchMethod]
    SEARCH_METHOD_DENSE: _ClassVar[SearchMethod]
    SEARCH_METHOD_BM25: _ClassVar[SearchMethod]
    SEARCH_METHOD_RRF: _ClassVar[SearchMethod]

class ShortfallReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHORTFALL_REASON_UNSPECIFIED: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_NOT_INDEXED: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_INDEX_UNAVAILABLE: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_PINS_YIELDED: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_QUERY_TURN_TOO_LARGE: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_EMBEDDING_UNAVAILABLE: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_RERANKER_UNAVAILABLE: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_ITEMS_LEFT_OUT: _ClassVar[ShortfallReason]
    SHORTFALL_REASON_TURNS_LEFT_OUT: _ClassVar[ShortfallReason]

class EdgeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EDGE_KIND_UNSPECIFIED: _ClassVar[EdgeKind]
    EDGE_KIND_SUPERSEDES: _ClassVar[EdgeKind]
    EDGE_KIND_CONTRADICTS: _ClassVar[EdgeKind]

class StalenessKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STALENESS_KIND_UNSPECIFIED: _ClassVar[StalenessKind]
    STALENESS_KIND_SUPERSEDED: _ClassVar[StalenessKind]
    STALENESS_KIND_CONTRADICTED: _ClassVar[StalenessKind]
    STALENESS_KIND_EXPIRED: _ClassVar[StalenessKind]
    STALENESS_KIND_ABANDONED: _ClassVar[StalenessKind]
    STALENESS_KIND_DECAYED: _ClassVar[StalenessKind]
SUMMARY_VIEW_UNSPECIFIED: SummaryView
SUMMARY_VIEW_ROLLING: SummaryView
SUMMARY_VIEW_SEGMENTS: SummaryView
SEARCH_METHOD_UNSPECIFIED: SearchMethod
SEARCH_METHOD_HYBRID: SearchMethod
SEARCH_METHOD_DENSE: SearchMethod
SEARCH_METHOD_BM25: SearchMethod
SEARCH_METHOD_RRF: SearchMethod
SHORTFALL_REASON_UNSPECIFIED: ShortfallReason
SHORTFALL_REASON_NOT_INDEXED: ShortfallReason
SHORTFALL_REASON_INDEX_UNAVAILABLE: ShortfallReason
SHORTFALL_REASON_PINS_YIELDED: ShortfallReason
SHORTFALL_REASON_QUERY_TURN_TOO_LARGE: ShortfallReason
SHORTFALL_REASON_EMBEDDING_UNAVAILABLE: ShortfallReason
SHORTFALL_REASON_RERANKER_UNAVAILABLE: ShortfallReason
SHORTFALL_REASON_ITEMS_LEFT_OUT: ShortfallReason
SHORTFALL_REASON_TURNS_LEFT_OUT: ShortfallReason
EDGE_KIND_UNSPECIFIED: EdgeKind
EDGE_KIND_SUPERSEDES: EdgeKind
EDGE_KIND_CONTRADICTS: EdgeKind
STALENESS_KIND_UNSPECIFIED: StalenessKind
STALENESS_KIND_SUPERSEDED: StalenessKind
STALENESS_KIND_CONTRADICTED: StalenessKind
STALENESS_KIND_EXPIRED: StalenessKind
STALENESS_KIND_ABANDONED: StalenessKind
STALENESS_KIND_DECAYED: StalenessKind

class Summary(_message.Message):
    __slots__ = ("from_sequence", "until_sequence", "level", "sentences", "rejected", "faithfulness", "model", "prompt_version", "stale", "create_time", "from_say_time", "until_say_time", "judged_by")
    FROM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    FAITHFULNESS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FROM_SAY_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_SAY_TIME_FIELD_NUMBER: _ClassVar[int]
    JUDGED_BY_FIELD_NUMBER: _ClassVar[int]
    from_sequence: int
    until_sequence: int
    level: int
    sentences: _containers.RepeatedCompositeFieldContainer[SummarySentence]
    rejected: _containers.RepeatedCompositeFieldContainer[RejectedSentence]
    faithfulness: float
    model: str
    prompt_version: int
    stale: bool
    create_time: _timestamp_pb2.Timestamp
    from_say_time: _timestamp_pb2.Timestamp
    until_say_time: _timestamp_pb2.Timestamp
    judged_by: str
    def __init__(self, from_sequence: _Optional[int] = ..., until_sequence: _Optional[int] = ..., level: _Optional[int] = ..., sentences: _Optional[_Iterable[_Union[SummarySentence, _Mapping]]] = ..., rejected: _Optional[_Iterable[_Union[RejectedSentence, _Mapping]]] = ..., faithfulness: _Optional[float] = ..., model: _Optional[str] = ..., prompt_version: _Optional[int] = ..., stale: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., from_say_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_say_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., judged_by: _Optional[str] = ...) -> None: ...

class SummarySentence(_message.Message):
    __slots__ = ("text", "source_sequences", "faithfulness", "verbatim")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    FAITHFULNESS_FIELD_NUMBER: _ClassVar[int]
    VERBATIM_FIELD_NUMBER: _ClassVar[int]
    text: str
    source_sequences: _containers.RepeatedScalarFieldContainer[int]
    faithfulness: float
    verbatim: bool
    def __init__(self, text: _Optional[str] = ..., source_sequences: _Optional[_Iterable[int]] = ..., faithfulness: _Optional[float] = ..., verbatim: bool = ...) -> None: ...

class RejectedSentence(_message.Message):
    __slots__ = ("text", "reason")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    text: str
    reason: str
    def __init__(self, text: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class GetSummaryRequest(_message.Message):
    __slots__ = ("conversation", "view", "as_of_turn", "page_size", "page_token", "min_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    AS_OF_TURN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    view: SummaryView
    as_of_turn: int
    page_size: int
    page_token: str
    min_revision: int
    def __init__(self, conversation: _Optional[str] = ..., view: _Optional[_Union[SummaryView, str]] = ..., as_of_turn: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetSummaryResponse(_message.Message):
    __slots__ = ("summaries", "folded_until_sequence", "next_page_token", "revision")
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    FOLDED_UNTIL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    summaries: _containers.RepeatedCompositeFieldContainer[Summary]
    folded_until_sequence: int
    next_page_token: str
    revision: int
    def __init__(self, summaries: _Optional[_Iterable[_Union[Summary, _Mapping]]] = ..., folded_until_sequence: _Optional[int] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class SummarizeRequest(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    def __init__(self, conversation: _Optional[str] = ...) -> None: ...

class SummarizeResponse(_message.Message):
    __slots__ = ("summaries_made", "summaries", "folded_until_sequence", "revision")
    SUMMARIES_MADE_FIELD_NUMBER: _ClassVar[int]
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    FOLDED_UNTIL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    summaries_made: int
    summaries: _containers.RepeatedCompositeFieldContainer[Summary]
    folded_until_sequence: int
    revision: int
    def __init__(self, summaries_made: _Optional[int] = ..., summaries: _Optional[_Iterable[_Union[Summary, _Mapping]]] = ..., folded_until_sequence: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class TurnFilter(_message.Message):
    __slots__ = ("roles", "speaker", "from_time", "until_time", "from_sequence", "until_sequence")
    ROLES_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    roles: _containers.RepeatedScalarFieldContainer[_resources_pb2.Role]
    speaker: str
    from_time: _timestamp_pb2.Timestamp
    until_time: _timestamp_pb2.Timestamp
    from_sequence: int
    until_sequence: int
    def __init__(self, roles: _Optional[_Iterable[_Union[_resources_pb2.Role, str]]] = ..., speaker: _Optional[str] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., from_sequence: _Optional[int] = ..., until_sequence: _Optional[int] = ...) -> None: ...

class SearchTurnsRequest(_message.Message):
    __slots__ = ("conversation", "user_id", "query", "page_size", "page_token", "filter", "method", "omit_parts", "min_revision", "ignore_staleness", "item_namespaces")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    OMIT_PARTS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    IGNORE_STALENESS_FIELD_NUMBER: _ClassVar[int]
    ITEM_NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    user_id: str
    query: str
    page_size: int
    page_token: str
    filter: TurnFilter
    method: SearchMethod
    omit_parts: bool
    min_revision: int
    ignore_staleness: bool
    item_namespaces: _containers.RepeatedCompositeFieldContainer[_resources_pb2.ItemNamespace]
    def __init__(self, conversation: _Optional[str] = ..., user_id: _Optional[str] = ..., query: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[TurnFilter, _Mapping]] = ..., method: _Optional[_Union[SearchMethod, str]] = ..., omit_parts: bool = ..., min_revision: _Optional[int] = ..., ignore_staleness: bool = ..., item_namespaces: _Optional[_Iterable[_Union[_resources_pb2.ItemNamespace, _Mapping]]] = ...) -> None: ...

class SearchTurnsResponse(_message.Message):
    __slots__ = ("hits", "next_page_token", "revision", "shortfalls", "items")
    HITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SHORTFALLS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[SearchHit]
    next_page_token: str
    revision: int
    shortfalls: _containers.RepeatedCompositeFieldContainer[Shortfall]
    items: _containers.RepeatedCompositeFieldContainer[_resources_pb2.ItemHit]
    def __init__(self, hits: _Optional[_Iterable[_Union[SearchHit, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ..., shortfalls: _Optional[_Iterable[_Union[Shortfall, _Mapping]]] = ..., items: _Optional[_Iterable[_Union[_resources_pb2.ItemHit, _Mapping]]] = ...) -> None: ...

class SearchHit(_message.Message):
    __slots__ = ("turn", "score", "passage")
    TURN_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PASSAGE_FIELD_NUMBER: _ClassVar[int]
    turn: _resources_pb2.Turn
    score: _resources_pb2.Score
    passage: _resources_pb2.TextSpan
    def __init__(self, turn: _Optional[_Union[_resources_pb2.Turn, _Mapping]] = ..., score: _Optional[_Union[_resources_pb2.Score, _Mapping]] = ..., passage: _Optional[_Union[_resources_pb2.TextSpan, _Mapping]] = ...) -> None: ...

class Shortfall(_message.Message):
    __slots__ = ("reason", "detail", "count", "facts")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    reason: ShortfallReason
    detail: str
    count: int
    facts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reason: _Optional[_Union[ShortfallReason, str]] = ..., detail: _Optional[str] = ..., count: _Optional[int] = ..., facts: _Optional[_Iterable[str]] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("kind", "earlier", "later", "confidence", "earlier_value", "later_value", "valid_time", "known_time", "reason")
    KIND_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EARLIER_VALUE_FIELD_NUMBER: _ClassVar[int]
    LATER_VALUE_FIELD_NUMBER: _ClassVar[int]
    VALID_TIME_FIELD_NUMBER: _ClassVar[int]
    KNOWN_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: EdgeKind
    earlier: str
    later: str
    confidence: float
    earlier_value: str
    later_value: str
    valid_time: _timestamp_pb2.Timestamp
    known_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, kind: _Optional[_Union[EdgeKind, str]] = ..., earlier: _Optional[str] = ..., later: _Optional[str] = ..., confidence: _Optional[float] = ..., earlier_value: _Optional[str] = ..., later_value: _Optional[str] = ..., valid_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class StalenessComponent(_message.Message):
    __slots__ = ("kind", "score", "reason", "cause")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    kind: StalenessKind
    score: float
    reason: str
    cause: str
    def __init__(self, kind: _Optional[_Union[StalenessKind, str]] = ..., score: _Optional[float] = ..., reason: _Optional[str] = ..., cause: _Optional[str] = ...) -> None: ...

class TurnStaleness(_message.Message):
    __slots__ = ("turn", "score", "components")
    TURN_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    turn: str
    score: float
    components: _containers.RepeatedCompositeFieldContainer[StalenessComponent]
    def __init__(self, turn: _Optional[str] = ..., score: _Optional[float] = ..., components: _Optional[_Iterable[_Union[StalenessComponent, _Mapping]]] = ...) -> None: ...

class GetStalenessRequest(_message.Message):
    __slots__ = ("conversation", "sequences", "as_of_turn", "page_size", "page_token", "min_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    AS_OF_TURN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    sequences: _containers.RepeatedScalarFieldContainer[int]
    as_of_turn: int
    page_size: int
    page_token: str
    min_revision: int
    def __init__(self, conversation: _Optional[str] = ..., sequences: _Optional[_Iterable[int]] = ..., as_of_turn: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetStalenessResponse(_message.Message):
    __slots__ = ("turns", "edges", "next_page_token", "revision", "scorer", "unscored_turns", "segments")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SCORER_FIELD_NUMBER: _ClassVar[int]
    UNSCORED_TURNS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[TurnStaleness]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    next_page_token: str
    revision: int
    scorer: str
    unscored_turns: int
    segments: _containers.RepeatedCompositeFieldContainer[TopicSegment]
    def __init__(self, turns: _Optional[_Iterable[_Union[TurnStaleness, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ..., scorer: _Optional[str] = ..., unscored_turns: _Optional[int] = ..., segments: _Optional[_Iterable[_Union[TopicSegment, _Mapping]]] = ...) -> None: ...

class TopicSegment(_message.Message):
    __slots__ = ("first_sequence", "last_sequence", "confidence")
    FIRST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    first_sequence: int
    last_sequence: int
    confidence: float
    def __init__(self, first_sequence: _Optional[int] = ..., last_sequence: _Optional[int] = ..., confidence: _Optional[float] = ...) -> None: ...

class RejectEdgeRequest(_message.Message):
    __slots__ = ("earlier", "later", "kind")
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    earlier: str
    later: str
    kind: EdgeKind
    def __init__(self, earlier: _Optional[str] = ..., later: _Optional[str] = ..., kind: _Optional[_Union[EdgeKind, str]] = ...) -> None: ...

class RejectEdgeResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class PinFactRequest(_message.Message):
    __slots__ = ("conversation", "fact", "request_id")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    fact: _resources_pb2.Fact
    request_id: str
    def __init__(self, conversation: _Optional[str] = ..., fact: _Optional[_Union[_resources_pb2.Fact, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class PinFactResponse(_message.Message):
    __slots__ = ("fact", "revision")
    FACT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    fact: _resources_pb2.Fact
    revision: int
    def __init__(self, fact: _Optional[_Union[_resources_pb2.Fact, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateFactRequest(_message.Message):
    __slots__ = ("fact", "update_mask")
    FACT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    fact: _resources_pb2.Fact
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, fact: _Optional[_Union[_resources_pb2.Fact, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateFactResponse(_message.Message):
    __slots__ = ("fact", "revision")
    FACT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    fact: _resources_pb2.Fact
    revision: int
    def __init__(self, fact: _Optional[_Union[_resources_pb2.Fact, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class UnpinFactRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UnpinFactResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class ListFactsRequest(_message.Message):
    __slots__ = ("conversation", "page_size", "page_token", "include_retired", "min_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RETIRED_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    page_size: int
    page_token: str
    include_retired: bool
    min_revision: int
    def __init__(self, conversation: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., include_retired: bool = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListFactsResponse(_message.Message):
    __slots__ = ("facts", "next_page_token", "revision")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Fact]
    next_page_token: str
    revision: int
    def __init__(self, facts: _Optional[_Iterable[_Union[_resources_pb2.Fact, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...
