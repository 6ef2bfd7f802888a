import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from throughline.v1 import memory_service_pb2 as _memory_service_pb2
from throughline.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reanchoring(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REANCHORING_UNSPECIFIED: _ClassVar[Reanchoring]
    REANCHORING_NEVER: _ClassVar[Reanchoring]
    REANCHORING_BY_HEALTH: _ClassVar[Reanchoring]
    REANCHORING_ALWAYS: _ClassVar[Reanchoring]

class SupersededTurns(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUPERSEDED_TURNS_UNSPECIFIED: _ClassVar[SupersededTurns]
    SUPERSEDED_TURNS_DROP: _ClassVar[SupersededTurns]
    SUPERSEDED_TURNS_MARK: _ClassVar[SupersededTurns]

class Section(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SECTION_UNSPECIFIED: _ClassVar[Section]
    SECTION_PINNED: _ClassVar[Section]
    SECTION_RECENT: _ClassVar[Section]
    SECTION_RETRIEVED: _ClassVar[Section]
    SECTION_QUERY: _ClassVar[Section]
    SECTION_SUMMARY: _ClassVar[Section]
    SECTION_REANCHORED: _ClassVar[Section]
REANCHORING_UNSPECIFIED: Reanchoring
REANCHORING_NEVER: Reanchoring
REANCHORING_BY_HEALTH: Reanchoring
REANCHORING_ALWAYS: Reanchoring
SUPERSEDED_TURNS_UNSPECIFIED: SupersededTurns
SUPERSEDED_TURNS_DROP: SupersededTurns
SUPERSEDED_TURNS_MARK: SupersededTurns
SECTION_UNSPECIFIED: Section
SECTION_PINNED: Section
SECTION_RECENT: Section
SECTION_RETRIEVED: Section
SECTION_QUERY: Section
SECTION_SUMMARY: Section
SECTION_REANCHORED: Section

class ContextOptions(_message.Message):
    __slots__ = ("token_budget", "tokenizer", "recent_share", "pinned_share", "include_user_history", "template_overhead", "min_score", "superseded_turns", "summary_share", "reanchoring")
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    RECENT_SHARE_FIELD_NUMBER: _ClassVar[int]
    PINNED_SHARE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_USER_HISTORY_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_OVERHEAD_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_TURNS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_SHARE_FIELD_NUMBER: _ClassVar[int]
    REANCHORING_FIELD_NUMBER: _ClassVar[int]
    token_budget: int
    tokenizer: str
    recent_share: float
    pinned_share: float
    include_user_history: bool
    template_overhead: TemplateOverhead
    min_score: float
    superseded_turns: SupersededTurns
    summary_share: float
    reanchoring: Reanchoring
    def __init__(self, token_budget: _Optional[int] = ..., tokenizer: _Optional[str] = ..., recent_share: _Optional[float] = ..., pinned_share: _Optional[float] = ..., include_user_history: bool = ..., template_overhead: _Optional[_Union[TemplateOverhead, _Mapping]] = ..., min_score: _Optional[float] = ..., superseded_turns: _Optional[_Union[SupersededTurns, str]] = ..., summary_share: _Optional[float] = ..., reanchoring: _Optional[_Union[Reanchoring, str]] = ...) -> None: ...

class TemplateOverhead(_message.Message):
    __slots__ = ("per_message", "per_prompt")
    PER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PER_PROMPT_FIELD_NUMBER: _ClassVar[int]
    per_message: int
    per_prompt: int
    def __init__(self, per_message: _Optional[int] = ..., per_prompt: _Optional[int] = ...) -> None: ...

class BuildContextRequest(_message.Message):
    __slots__ = ("conversation", "query", "options", "min_revision", "as_of_turn")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_TURN_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    query: str
    options: ContextOptions
    min_revision: int
    as_of_turn: int
    def __init__(self, conversation: _Optional[str] = ..., query: _Optional[str] = ..., options: _Optional[_Union[ContextOptions, _Mapping]] = ..., min_revision: _Optional[int] = ..., as_of_turn: _Optional[int] = ...) -> None: ...

class BuildContextResponse(_message.Message):
    __slots__ = ("window",)
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    window: ContextWindow
    def __init__(self, window: _Optional[_Union[ContextWindow, _Mapping]] = ...) -> None: ...

class PrepareTurnRequest(_message.Message):
    __slots__ = ("conversation", "turn", "options", "expected_last_sequence")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    turn: _resources_pb2.Turn
    options: ContextOptions
    expected_last_sequence: int
    def __init__(self, conversation: _Optional[str] = ..., turn: _Optional[_Union[_resources_pb2.Turn, _Mapping]] = ..., options: _Optional[_Union[ContextOptions, _Mapping]] = ..., expected_last_sequence: _Optional[int] = ...) -> None: ...

class PrepareTurnResponse(_message.Message):
    __slots__ = ("turn", "repeated_append", "window")
    TURN_FIELD_NUMBER: _ClassVar[int]
    REPEATED_APPEND_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    turn: str
    repeated_append: bool
    window: ContextWindow
    def __init__(self, turn: _Optional[str] = ..., repeated_append: bool = ..., window: _Optional[_Union[ContextWindow, _Mapping]] = ...) -> None: ...

class ContextWindow(_message.Message):
    __slots__ = ("messages", "items", "total_tokens", "token_budget", "full_history_tokens", "unchanged_prefix_tokens", "tokenizer", "revision", "shortfalls", "search_query", "superseded_dropped")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    FULL_HISTORY_TOKENS_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_PREFIX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SHORTFALLS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_QUERY_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_DROPPED_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ContextMessage]
    items: _containers.RepeatedCompositeFieldContainer[ContextItem]
    total_tokens: int
    token_budget: int
    full_history_tokens: int
    unchanged_prefix_tokens: int
    tokenizer: str
    revision: int
    shortfalls: _containers.RepeatedCompositeFieldContainer[_memory_service_pb2.Shortfall]
    search_query: str
    superseded_dropped: int
    def __init__(self, messages: _Optional[_Iterable[_Union[ContextMessage, _Mapping]]] = ..., items: _Optional[_Iterable[_Union[ContextItem, _Mapping]]] = ..., total_tokens: _Optional[int] = ..., token_budget: _Optional[int] = ..., full_history_tokens: _Optional[int] = ..., unchanged_prefix_tokens: _Optional[int] = ..., tokenizer: _Optional[str] = ..., revision: _Optional[int] = ..., shortfalls: _Optional[_Iterable[_Union[_memory_service_pb2.Shortfall, _Mapping]]] = ..., search_query: _Optional[str] = ..., superseded_dropped: _Optional[int] = ...) -> None: ...

class ContextMessage(_message.Message):
    __slots__ = ("role", "content", "parts", "speaker")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    role: _resources_pb2.Role
    content: str
    parts: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Part]
    speaker: str
    def __init__(self, role: _Optional[_Union[_resources_pb2.Role, str]] = ..., content: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[_resources_pb2.Part, _Mapping]]] = ..., speaker: _Optional[str] = ...) -> None: ...

class ContextItem(_message.Message):
    __slots__ = ("section", "turn", "fact", "message_index", "tokens", "score", "reason", "say_time", "role", "edges", "summary_from_sequence", "summary_until_sequence")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SAY_TIME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FROM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_UNTIL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    section: Section
    turn: str
    fact: str
    message_index: int
    tokens: int
    score: _resources_pb2.Score
    reason: str
    say_time: _timestamp_pb2.Timestamp
    role: _resources_pb2.Role
    edges: _containers.RepeatedCompositeFieldContainer[_memory_service_pb2.Edge]
    summary_from_sequence: int
    summary_until_sequence: int
    def __init__(self, section: _Optional[_Union[Section, str]] = ..., turn: _Optional[str] = ..., fact: _Optional[str] = ..., message_index: _Optional[int] = ..., tokens: _Optional[int] = ..., score: _Optional[_Union[_resources_pb2.Score, _Mapping]] = ..., reason: _Optional[str] = ..., say_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., role: _Optional[_Union[_resources_pb2.Role, str]] = ..., edges: _Optional[_Iterable[_Union[_memory_service_pb2.Edge, _Mapping]]] = ..., summary_from_sequence: _Optional[int] = ..., summary_until_sequence: _Optional[int] = ...) -> None: ...
