from throughline.v1 import memory_service_pb2 as _memory_service_pb2
from throughline.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ItemOperator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ITEM_OPERATOR_UNSPECIFIED: _ClassVar[ItemOperator]
    ITEM_OPERATOR_EQUAL: _ClassVar[ItemOperator]
    ITEM_OPERATOR_NOT_EQUAL: _ClassVar[ItemOperator]
    ITEM_OPERATOR_GREATER: _ClassVar[ItemOperator]
    ITEM_OPERATOR_GREATER_OR_EQUAL: _ClassVar[ItemOperator]
    ITEM_OPERATOR_LESS: _ClassVar[ItemOperator]
    ITEM_OPERATOR_LESS_OR_EQUAL: _ClassVar[ItemOperator]

class NamespaceEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NAMESPACE_END_UNSPECIFIED: _ClassVar[NamespaceEnd]
    NAMESPACE_END_PREFIX: _ClassVar[NamespaceEnd]
    NAMESPACE_END_SUFFIX: _ClassVar[NamespaceEnd]
ITEM_OPERATOR_UNSPECIFIED: ItemOperator
ITEM_OPERATOR_EQUAL: ItemOperator
ITEM_OPERATOR_NOT_EQUAL: ItemOperator
ITEM_OPERATOR_GREATER: ItemOperator
ITEM_OPERATOR_GREATER_OR_EQUAL: ItemOperator
ITEM_OPERATOR_LESS: ItemOperator
ITEM_OPERATOR_LESS_OR_EQUAL: ItemOperator
NAMESPACE_END_UNSPECIFIED: NamespaceEnd
NAMESPACE_END_PREFIX: NamespaceEnd
NAMESPACE_END_SUFFIX: NamespaceEnd

class PutItemRequest(_message.Message):
    __slots__ = ("namespace", "key", "value_json", "index_paths", "unindexed", "wait_indexed")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    INDEX_PATHS_FIELD_NUMBER: _ClassVar[int]
    UNINDEXED_FIELD_NUMBER: _ClassVar[int]
    WAIT_INDEXED_FIELD_NUMBER: _ClassVar[int]
    namespace: _containers.RepeatedScalarFieldContainer[str]
    key: str
    value_json: str
    index_paths: _containers.RepeatedScalarFieldContainer[str]
    unindexed: bool
    wait_indexed: bool
    def __init__(self, namespace: _Optional[_Iterable[str]] = ..., key: _Optional[str] = ..., value_json: _Optional[str] = ..., index_paths: _Optional[_Iterable[str]] = ..., unindexed: bool = ..., wait_indexed: bool = ...) -> None: ...

class PutItemResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _resources_pb2.MemoryItem
    def __init__(self, item: _Optional[_Union[_resources_pb2.MemoryItem, _Mapping]] = ...) -> None: ...

class GetItemRequest(_message.Message):
    __slots__ = ("namespace", "key")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    namespace: _containers.RepeatedScalarFieldContainer[str]
    key: str
    def __init__(self, namespace: _Optional[_Iterable[str]] = ..., key: _Optional[str] = ...) -> None: ...

class GetItemResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _resources_pb2.MemoryItem
    def __init__(self, item: _Optional[_Union[_resources_pb2.MemoryItem, _Mapping]] = ...) -> None: ...

class DeleteItemRequest(_message.Message):
    __slots__ = ("namespace", "key")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    namespace: _containers.RepeatedScalarFieldContainer[str]
    key: str
    def __init__(self, namespace: _Optional[_Iterable[str]] = ..., key: _Optional[str] = ...) -> None: ...

class DeleteItemResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ItemCondition(_message.Message):
    __slots__ = ("field", "operator", "value_json")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    field: _containers.RepeatedScalarFieldContainer[str]
    operator: ItemOperator
    value_json: str
    def __init__(self, field: _Optional[_Iterable[str]] = ..., operator: _Optional[_Union[ItemOperator, str]] = ..., value_json: _Optional[str] = ...) -> None: ...

class SearchItemsRequest(_message.Message):
    __slots__ = ("namespace_prefix", "query", "filter", "page_size", "page_token", "skip")
    NAMESPACE_PREFIX_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    namespace_prefix: _containers.RepeatedScalarFieldContainer[str]
    query: str
    filter: _containers.RepeatedCompositeFieldContainer[ItemCondition]
    page_size: int
    page_token: str
    skip: int
    def __init__(self, namespace_prefix: _Optional[_Iterable[str]] = ..., query: _Optional[str] = ..., filter: _Optional[_Iterable[_Union[ItemCondition, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., skip: _Optional[int] = ...) -> None: ...

class SearchItemsResponse(_message.Message):
    __slots__ = ("hits", "next_page_token", "shortfalls")
    HITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SHORTFALLS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[_resources_pb2.ItemHit]
    next_page_token: str
    shortfalls: _containers.RepeatedCompositeFieldContainer[_memory_service_pb2.Shortfall]
    def __init__(self, hits: _Optional[_Iterable[_Union[_resources_pb2.ItemHit, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., shortfalls: _Optional[_Iterable[_Union[_memory_service_pb2.Shortfall, _Mapping]]] = ...) -> None: ...

class ListItemsRequest(_message.Message):
    __slots__ = ("namespace", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListItemsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_resources_pb2.MemoryItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[_resources_pb2.MemoryItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class NamespaceCondition(_message.Message):
    __slots__ = ("end", "labels")
    END_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    end: NamespaceEnd
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, end: _Optional[_Union[NamespaceEnd, str]] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("conditions", "max_depth", "page_size", "page_token", "skip")
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    conditions: _containers.RepeatedCompositeFieldContainer[NamespaceCondition]
    max_depth: int
    page_size: int
    page_token: str
    skip: int
    def __init__(self, conditions: _Optional[_Iterable[_Union[NamespaceCondition, _Mapping]]] = ..., max_depth: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., skip: _Optional[int] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[_resources_pb2.ItemNamespace]
    next_page_token: str
    def __init__(self, namespaces: _Optional[_Iterable[_Union[_resources_pb2.ItemNamespace, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
