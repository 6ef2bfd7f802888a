import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_SYSTEM: _ClassVar[Role]
    ROLE_USER: _ClassVar[Role]
    ROLE_ASSISTANT: _ClassVar[Role]
    ROLE_TOOL: _ClassVar[Role]

class FactKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACT_KIND_UNSPECIFIED: _ClassVar[FactKind]
    FACT_KIND_INSTRUCTION: _ClassVar[FactKind]
    FACT_KIND_PREFERENCE: _ClassVar[FactKind]
    FACT_KIND_FACT: _ClassVar[FactKind]
    FACT_KIND_DECISION: _ClassVar[FactKind]
    FACT_KIND_COMMITMENT: _ClassVar[FactKind]
    FACT_KIND_CONSENT: _ClassVar[FactKind]
    FACT_KIND_IDENTIFIER: _ClassVar[FactKind]

class FactOrigin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACT_ORIGIN_UNSPECIFIED: _ClassVar[FactOrigin]
    FACT_ORIGIN_CALLER: _ClassVar[FactOrigin]
    FACT_ORIGIN_DETECTOR: _ClassVar[FactOrigin]

class FactOwner(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACT_OWNER_UNSPECIFIED: _ClassVar[FactOwner]
    FACT_OWNER_CONVERSATION: _ClassVar[FactOwner]
    FACT_OWNER_USER: _ClassVar[FactOwner]

class FactAuthority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACT_AUTHORITY_UNSPECIFIED: _ClassVar[FactAuthority]
    FACT_AUTHORITY_LOW: _ClassVar[FactAuthority]
    FACT_AUTHORITY_PEER: _ClassVar[FactAuthority]
    FACT_AUTHORITY_MANAGER: _ClassVar[FactAuthority]
    FACT_AUTHORITY_EXECUTIVE: _ClassVar[FactAuthority]
    FACT_AUTHORITY_POLICY: _ClassVar[FactAuthority]

class FactRetirement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACT_RETIREMENT_UNSPECIFIED: _ClassVar[FactRetirement]
    FACT_RETIREMENT_SUPERSEDED: _ClassVar[FactRetirement]
    FACT_RETIREMENT_EXPIRED: _ClassVar[FactRetirement]
    FACT_RETIREMENT_DEPENDENCY: _ClassVar[FactRetirement]
ROLE_UNSPECIFIED: Role
ROLE_SYSTEM: Role
ROLE_USER: Role
ROLE_ASSISTANT: Role
ROLE_TOOL: Role
FACT_KIND_UNSPECIFIED: FactKind
FACT_KIND_INSTRUCTION: FactKind
FACT_KIND_PREFERENCE: FactKind
FACT_KIND_FACT: FactKind
FACT_KIND_DECISION: FactKind
FACT_KIND_COMMITMENT: FactKind
FACT_KIND_CONSENT: FactKind
FACT_KIND_IDENTIFIER: FactKind
FACT_ORIGIN_UNSPECIFIED: FactOrigin
FACT_ORIGIN_CALLER: FactOrigin
FACT_ORIGIN_DETECTOR: FactOrigin
FACT_OWNER_UNSPECIFIED: FactOwner
FACT_OWNER_CONVERSATION: FactOwner
FACT_OWNER_USER: FactOwner
FACT_AUTHORITY_UNSPECIFIED: FactAuthority
FACT_AUTHORITY_LOW: FactAuthority
FACT_AUTHORITY_PEER: FactAuthority
FACT_AUTHORITY_MANAGER: FactAuthority
FACT_AUTHORITY_EXECUTIVE: FactAuthority
FACT_AUTHORITY_POLICY: FactAuthority
FACT_RETIREMENT_UNSPECIFIED: FactRetirement
FACT_RETIREMENT_SUPERSEDED: FactRetirement
FACT_RETIREMENT_EXPIRED: FactRetirement
FACT_RETIREMENT_DEPENDENCY: FactRetirement

class Conversation(_message.Message):
    __slots__ = ("name", "create_time", "update_time", "user_id", "title", "labels", "revision", "last_sequence", "forked_from", "forked_at_sequence", "indexed_sequence")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FORKED_FROM_FIELD_NUMBER: _ClassVar[int]
    FORKED_AT_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEXED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    user_id: str
    title: str
    labels: _containers.ScalarMap[str, str]
    revision: int
    last_sequence: int
    forked_from: str
    forked_at_sequence: int
    indexed_sequence: int
    def __init__(self, name: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., user_id: _Optional[str] = ..., title: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., revision: _Optional[int] = ..., last_sequence: _Optional[int] = ..., forked_from: _Optional[str] = ..., forked_at_sequence: _Optional[int] = ..., indexed_sequence: _Optional[int] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("text", "tool_call", "tool_result", "opaque")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
    OPAQUE_FIELD_NUMBER: _ClassVar[int]
    text: str
    tool_call: ToolCall
    tool_result: ToolResult
    opaque: Opaque
    def __init__(self, text: _Optional[str] = ..., tool_call: _Optional[_Union[ToolCall, _Mapping]] = ..., tool_result: _Optional[_Union[ToolResult, _Mapping]] = ..., opaque: _Optional[_Union[Opaque, _Mapping]] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("call_id", "name", "arguments_json")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    name: str
    arguments_json: str
    def __init__(self, call_id: _Optional[str] = ..., name: _Optional[str] = ..., arguments_json: _Optional[str] = ...) -> None: ...

class ToolResult(_message.Message):
    __slots__ = ("call_id", "content")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    content: str
    def __init__(self, call_id: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Opaque(_message.Message):
    __slots__ = ("media_type", "data", "uri", "token_cost")
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COST_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    data: bytes
    uri: str
    token_cost: int
    def __init__(self, media_type: _Optional[str] = ..., data: _Optional[bytes] = ..., uri: _Optional[str] = ..., token_cost: _Optional[int] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("name", "create_time", "sequence", "role", "speaker", "parts", "say_time", "client_turn_id", "metadata", "forgotten")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    SAY_TIME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TURN_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    create_time: _timestamp_pb2.Timestamp
    sequence: int
    role: Role
    speaker: str
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    say_time: _timestamp_pb2.Timestamp
    client_turn_id: str
    metadata: _struct_pb2.Struct
    forgotten: bool
    def __init__(self, name: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sequence: _Optional[int] = ..., role: _Optional[_Union[Role, str]] = ..., speaker: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., say_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., client_turn_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., forgotten: bool = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("name", "create_time", "update_time", "kind", "text", "required", "source_sequence", "source_span", "request_id", "subject", "attribute", "value", "scope", "authority", "expire_time", "depends_on", "retirement", "retired_by", "additive", "valid_time", "retire_time", "known_sequence", "contradicts", "rejected", "origin", "probability", "owner", "displaced", "yielded", "one_line", "one_line_model", "one_line_faithfulness", "one_line_rejected")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_SPAN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_FIELD_NUMBER: _ClassVar[int]
    RETIREMENT_FIELD_NUMBER: _ClassVar[int]
    RETIRED_BY_FIELD_NUMBER: _ClassVar[int]
    ADDITIVE_FIELD_NUMBER: _ClassVar[int]
    VALID_TIME_FIELD_NUMBER: _ClassVar[int]
    RETIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    KNOWN_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DISPLACED_FIELD_NUMBER: _ClassVar[int]
    YIELDED_FIELD_NUMBER: _ClassVar[int]
    ONE_LINE_FIELD_NUMBER: _ClassVar[int]
    ONE_LINE_MODEL_FIELD_NUMBER: _ClassVar[int]
    ONE_LINE_FAITHFULNESS_FIELD_NUMBER: _ClassVar[int]
    ONE_LINE_REJECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    kind: FactKind
    text: str
    required: bool
    source_sequence: int
    source_span: TextSpan
    request_id: str
    subject: str
    attribute: str
    value: str
    scope: str
    authority: FactAuthority
    expire_time: _timestamp_pb2.Timestamp
    depends_on: _containers.RepeatedScalarFieldContainer[str]
    retirement: FactRetirement
    retired_by: str
    additive: bool
    valid_time: _timestamp_pb2.Timestamp
    retire_time: _timestamp_pb2.Timestamp
    known_sequence: int
    contradicts: _containers.RepeatedScalarFieldContainer[str]
    rejected: _containers.RepeatedScalarFieldContainer[str]
    origin: FactOrigin
    probability: float
    owner: FactOwner
    displaced: bool
    yielded: bool
    one_line: str
    one_line_model: str
    one_line_faithfulness: float
    one_line_rejected: _containers.RepeatedCompositeFieldContainer[RejectedLine]
    def __init__(self, name: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[FactKind, str]] = ..., text: _Optional[str] = ..., required: bool = ..., source_sequence: _Optional[int] = ..., source_span: _Optional[_Union[TextSpan, _Mapping]] = ..., request_id: _Optional[str] = ..., subject: _Optional[str] = ..., attribute: _Optional[str] = ..., value: _Optional[str] = ..., scope: _Optional[str] = ..., authority: _Optional[_Union[FactAuthority, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., depends_on: _Optional[_Iterable[str]] = ..., retirement: _Optional[_Union[FactRetirement, str]] = ..., retired_by: _Optional[str] = ..., additive: bool = ..., valid_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_sequence: _Optional[int] = ..., contradicts: _Optional[_Iterable[str]] = ..., rejected: _Optional[_Iterable[str]] = ..., origin: _Optional[_Union[FactOrigin, str]] = ..., probability: _Optional[float] = ..., owner: _Optional[_Union[FactOwner, str]] = ..., displaced: bool = ..., yielded: bool = ..., one_line: _Optional[str] = ..., one_line_model: _Optional[str] = ..., one_line_faithfulness: _Optional[float] = ..., one_line_rejected: _Optional[_Iterable[_Union[RejectedLine, _Mapping]]] = ...) -> None: ...

class RejectedLine(_message.Message):
    __slots__ = ("text", "reason")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    text: str
    reason: str
    def __init__(self, text: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class TextSpan(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("total", "components")
    class ComponentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    total: float
    components: _containers.ScalarMap[str, float]
    def __init__(self, total: _Optional[float] = ..., components: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("outcome_id", "turn", "judge_score", "thumbs_up", "task_success", "latency", "model", "prompt_version", "record_time")
    OUTCOME_ID_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    JUDGE_SCORE_FIELD_NUMBER: _ClassVar[int]
    THUMBS_UP_FIELD_NUMBER: _ClassVar[int]
    TASK_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORD_TIME_FIELD_NUMBER: _ClassVar[int]
    outcome_id: str
    turn: str
    judge_score: float
    thumbs_up: bool
    task_success: bool
    latency: _duration_pb2.Duration
    model: str
    prompt_version: str
    record_time: _timestamp_pb2.Timestamp
    def __init__(self, outcome_id: _Optional[str] = ..., turn: _Optional[str] = ..., judge_score: _Optional[float] = ..., thumbs_up: bool = ..., task_success: bool = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., model: _Optional[str] = ..., prompt_version: _Optional[str] = ..., record_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MemoryItem(_message.Message):
    __slots__ = ("namespace", "key", "create_time", "update_time", "value_json", "revision")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    namespace: _containers.RepeatedScalarFieldContainer[str]
    key: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    value_json: str
    revision: int
    def __init__(self, namespace: _Optional[_Iterable[str]] = ..., key: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value_json: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ItemNamespace(_message.Message):
    __slots__ = ("labels",)
    LABELS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ItemHit(_message.Message):
    __slots__ = ("item", "score")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    item: MemoryItem
    score: Score
    def __init__(self, item: _Optional[_Union[MemoryItem, _Mapping]] = ..., score: _Optional[_Union[Score, _Mapping]] = ...) -> None: ...
