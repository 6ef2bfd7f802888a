import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from throughline.v1 import memory_service_pb2 as _memory_service_pb2
from throughline.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateConversationRequest(_message.Message):
    __slots__ = ("conversation", "conversation_id", "request_id")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    conversation_id: str
    request_id: str
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ..., conversation_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateConversationResponse(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ...) -> None: ...

class GetConversationRequest(_message.Message):
    __slots__ = ("name", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetConversationResponse(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ...) -> None: ...

class ListConversationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "user_id")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    user_id: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., user_id: _Optional[str] = ...) -> None: ...

class ListConversationsResponse(_message.Message):
    __slots__ = ("conversations", "next_page_token")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversations: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Conversation]
    next_page_token: str
    def __init__(self, conversations: _Optional[_Iterable[_Union[_resources_pb2.Conversation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateConversationRequest(_message.Message):
    __slots__ = ("conversation", "update_mask", "expected_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    update_mask: _field_mask_pb2.FieldMask
    expected_revision: int
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class UpdateConversationResponse(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ...) -> None: ...

class DeleteConversationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteConversationResponse(_message.Message):
    __slots__ = ("turns_removed", "turns_shared")
    TURNS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    TURNS_SHARED_FIELD_NUMBER: _ClassVar[int]
    turns_removed: int
    turns_shared: int
    def __init__(self, turns_removed: _Optional[int] = ..., turns_shared: _Optional[int] = ...) -> None: ...

class AppendTurnsRequest(_message.Message):
    __slots__ = ("conversation", "turns", "expected_last_sequence", "wait_indexed")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WAIT_INDEXED_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    turns: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Turn]
    expected_last_sequence: int
    wait_indexed: bool
    def __init__(self, conversation: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[_resources_pb2.Turn, _Mapping]]] = ..., expected_last_sequence: _Optional[int] = ..., wait_indexed: bool = ...) -> None: ...

class AppendTurnsResponse(_message.Message):
    __slots__ = ("turns", "revision", "last_sequence")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[AppendedTurn]
    revision: int
    last_sequence: int
    def __init__(self, turns: _Optional[_Iterable[_Union[AppendedTurn, _Mapping]]] = ..., revision: _Optional[int] = ..., last_sequence: _Optional[int] = ...) -> None: ...

class AppendedTurn(_message.Message):
    __slots__ = ("name", "sequence", "client_turn_id", "repeated_append")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TURN_ID_FIELD_NUMBER: _ClassVar[int]
    REPEATED_APPEND_FIELD_NUMBER: _ClassVar[int]
    name: str
    sequence: int
    client_turn_id: str
    repeated_append: bool
    def __init__(self, name: _Optional[str] = ..., sequence: _Optional[int] = ..., client_turn_id: _Optional[str] = ..., repeated_append: bool = ...) -> None: ...

class StreamTurnsRequest(_message.Message):
    __slots__ = ("conversation", "turns")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    turns: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Turn]
    def __init__(self, conversation: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[_resources_pb2.Turn, _Mapping]]] = ...) -> None: ...

class StreamTurnsResponse(_message.Message):
    __slots__ = ("appended", "repeated_appends", "revision", "last_sequence")
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_APPENDS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    appended: int
    repeated_appends: int
    revision: int
    last_sequence: int
    def __init__(self, appended: _Optional[int] = ..., repeated_appends: _Optional[int] = ..., revision: _Optional[int] = ..., last_sequence: _Optional[int] = ...) -> None: ...

class ListTurnsRequest(_message.Message):
    __slots__ = ("conversation", "page_size", "page_token", "from_sequence", "descending", "min_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    page_size: int
    page_token: str
    from_sequence: int
    descending: bool
    min_revision: int
    def __init__(self, conversation: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., from_sequence: _Optional[int] = ..., descending: bool = ..., min_revision: _Optional[int] = ...) -> None: ...

class ListTurnsResponse(_message.Message):
    __slots__ = ("turns", "next_page_token", "revision")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Turn]
    next_page_token: str
    revision: int
    def __init__(self, turns: _Optional[_Iterable[_Union[_resources_pb2.Turn, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ForkConversationRequest(_message.Message):
    __slots__ = ("name", "at_sequence", "conversation_id", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AT_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    at_sequence: int
    conversation_id: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., at_sequence: _Optional[int] = ..., conversation_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ForkConversationResponse(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ...) -> None: ...

class ForgetTurnsRequest(_message.Message):
    __slots__ = ("conversation", "sequences")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    sequences: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, conversation: _Optional[str] = ..., sequences: _Optional[_Iterable[int]] = ...) -> None: ...

class ForgetTurnsResponse(_message.Message):
    __slots__ = ("turns_removed", "facts_removed", "revision")
    TURNS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    FACTS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    turns_removed: int
    facts_removed: int
    revision: int
    def __init__(self, turns_removed: _Optional[int] = ..., facts_removed: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class ExportConversationRequest(_message.Message):
    __slots__ = ("name", "min_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    min_revision: int
    def __init__(self, name: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class ExportConversationResponse(_message.Message):
    __slots__ = ("conversation", "turn", "fact", "outcome", "rejected_edge")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REJECTED_EDGE_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    turn: _resources_pb2.Turn
    fact: _resources_pb2.Fact
    outcome: _resources_pb2.Outcome
    rejected_edge: RejectedEdge
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ..., turn: _Optional[_Union[_resources_pb2.Turn, _Mapping]] = ..., fact: _Optional[_Union[_resources_pb2.Fact, _Mapping]] = ..., outcome: _Optional[_Union[_resources_pb2.Outcome, _Mapping]] = ..., rejected_edge: _Optional[_Union[RejectedEdge, _Mapping]] = ...) -> None: ...

class RejectedEdge(_message.Message):
    __slots__ = ("earlier", "later", "kind")
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    earlier: str
    later: str
    kind: _memory_service_pb2.EdgeKind
    def __init__(self, earlier: _Optional[str] = ..., later: _Optional[str] = ..., kind: _Optional[_Union[_memory_service_pb2.EdgeKind, str]] = ...) -> None: ...

class ImportConversationRequest(_message.Message):
    __slots__ = ("conversation", "turn", "fact", "outcome", "rejected_edge", "conversation_id", "request_id")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REJECTED_EDGE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    turn: _resources_pb2.Turn
    fact: _resources_pb2.Fact
    outcome: _resources_pb2.Outcome
    rejected_edge: RejectedEdge
    conversation_id: str
    request_id: str
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ..., turn: _Optional[_Union[_resources_pb2.Turn, _Mapping]] = ..., fact: _Optional[_Union[_resources_pb2.Fact, _Mapping]] = ..., outcome: _Optional[_Union[_resources_pb2.Outcome, _Mapping]] = ..., rejected_edge: _Optional[_Union[RejectedEdge, _Mapping]] = ..., conversation_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ImportConversationResponse(_message.Message):
    __slots__ = ("conversation", "turns", "facts")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    conversation: _resources_pb2.Conversation
    turns: int
    facts: int
    def __init__(self, conversation: _Optional[_Union[_resources_pb2.Conversation, _Mapping]] = ..., turns: _Optional[int] = ..., facts: _Optional[int] = ...) -> None: ...

class WatchConversationRequest(_message.Message):
    __slots__ = ("conversation", "after_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    after_revision: int
    def __init__(self, conversation: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchConversationResponse(_message.Message):
    __slots__ = ("revision", "complete", "indexed", "superseded", "contradicted", "expired", "staleness")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    INDEXED_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    STALENESS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    complete: bool
    indexed: TurnIndexed
    superseded: _memory_service_pb2.Edge
    contradicted: _memory_service_pb2.Edge
    expired: TurnExpired
    staleness: _memory_service_pb2.TurnStaleness
    def __init__(self, revision: _Optional[int] = ..., complete: bool = ..., indexed: _Optional[_Union[TurnIndexed, _Mapping]] = ..., superseded: _Optional[_Union[_memory_service_pb2.Edge, _Mapping]] = ..., contradicted: _Optional[_Union[_memory_service_pb2.Edge, _Mapping]] = ..., expired: _Optional[_Union[TurnExpired, _Mapping]] = ..., staleness: _Optional[_Union[_memory_service_pb2.TurnStaleness, _Mapping]] = ...) -> None: ...

class TurnIndexed(_message.Message):
    __slots__ = ("turn",)
    TURN_FIELD_NUMBER: _ClassVar[int]
    turn: str
    def __init__(self, turn: _Optional[str] = ...) -> None: ...

class TurnExpired(_message.Message):
    __slots__ = ("turn", "expire_time", "reason")
    TURN_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    turn: str
    expire_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, turn: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...
