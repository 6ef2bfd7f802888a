from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UsageGrouping(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_GROUPING_UNSPECIFIED: _ClassVar[UsageGrouping]
    USAGE_GROUPING_BY_DAY: _ClassVar[UsageGrouping]
    USAGE_GROUPING_BY_CONVERSATION: _ClassVar[UsageGrouping]
USAGE_GROUPING_UNSPECIFIED: UsageGrouping
USAGE_GROUPING_BY_DAY: UsageGrouping
USAGE_GROUPING_BY_CONVERSATION: UsageGrouping

class GetUsageRequest(_message.Message):
    __slots__ = ("grouping", "conversation", "from_date", "until_date", "page_size", "page_token")
    GROUPING_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    FROM_DATE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_DATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    grouping: UsageGrouping
    conversation: str
    from_date: str
    until_date: str
    page_size: int
    page_token: str
    def __init__(self, grouping: _Optional[_Union[UsageGrouping, str]] = ..., conversation: _Optional[str] = ..., from_date: _Optional[str] = ..., until_date: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ("rows", "total", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[UsageRow]
    total: Usage
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[UsageRow, _Mapping]]] = ..., total: _Optional[_Union[Usage, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UsageRow(_message.Message):
    __slots__ = ("date", "conversation", "usage")
    DATE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    date: str
    conversation: str
    usage: Usage
    def __init__(self, date: _Optional[str] = ..., conversation: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("turns", "stored_bytes", "embedded_tokens", "llm_prompt_tokens", "llm_generated_tokens", "llm_seconds", "windows", "window_tokens", "saved_tokens", "cost", "saved_cost", "currency")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LLM_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LLM_GENERATED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LLM_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAVED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    SAVED_COST_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    turns: int
    stored_bytes: int
    embedded_tokens: int
    llm_prompt_tokens: int
    llm_generated_tokens: int
    llm_seconds: float
    windows: int
    window_tokens: int
    saved_tokens: int
    cost: float
    saved_cost: float
    currency: str
    def __init__(self, turns: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., embedded_tokens: _Optional[int] = ..., llm_prompt_tokens: _Optional[int] = ..., llm_generated_tokens: _Optional[int] = ..., llm_seconds: _Optional[float] = ..., windows: _Optional[int] = ..., window_tokens: _Optional[int] = ..., saved_tokens: _Optional[int] = ..., cost: _Optional[float] = ..., saved_cost: _Optional[float] = ..., currency: _Optional[str] = ...) -> None: ...
