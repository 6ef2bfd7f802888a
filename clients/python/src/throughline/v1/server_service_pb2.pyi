from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "embedding_model", "store", "index", "tokenizers", "limits", "ranking", "outbox_backlog", "tenant", "commits", "staleness", "pins", "summaries", "reranker")
    class LimitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_MODEL_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TOKENIZERS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    RANKING_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_BACKLOG_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    STALENESS_FIELD_NUMBER: _ClassVar[int]
    PINS_FIELD_NUMBER: _ClassVar[int]
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    RERANKER_FIELD_NUMBER: _ClassVar[int]
    version: str
    embedding_model: EmbeddingModelInfo
    store: str
    index: str
    tokenizers: _containers.RepeatedScalarFieldContainer[str]
    limits: _containers.ScalarMap[str, int]
    ranking: RankingInfo
    outbox_backlog: int
    tenant: str
    commits: CommitCounts
    staleness: StalenessInfo
    pins: PinInfo
    summaries: SummaryInfo
    reranker: RerankerInfo
    def __init__(self, version: _Optional[str] = ..., embedding_model: _Optional[_Union[EmbeddingModelInfo, _Mapping]] = ..., store: _Optional[str] = ..., index: _Optional[str] = ..., tokenizers: _Optional[_Iterable[str]] = ..., limits: _Optional[_Mapping[str, int]] = ..., ranking: _Optional[_Union[RankingInfo, _Mapping]] = ..., outbox_backlog: _Optional[int] = ..., tenant: _Optional[str] = ..., commits: _Optional[_Union[CommitCounts, _Mapping]] = ..., staleness: _Optional[_Union[StalenessInfo, _Mapping]] = ..., pins: _Optional[_Union[PinInfo, _Mapping]] = ..., summaries: _Optional[_Union[SummaryInfo, _Mapping]] = ..., reranker: _Optional[_Union[RerankerInfo, _Mapping]] = ...) -> None: ...

class RerankerInfo(_message.Message):
    __slots__ = ("name", "sha256", "top")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    top: int
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., top: _Optional[int] = ...) -> None: ...

class SummaryInfo(_message.Message):
    __slots__ = ("enabled", "model", "model_sha256", "engine", "device", "threads", "check_version", "entailment")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_SHA256_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    CHECK_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTAILMENT_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    model: str
    model_sha256: str
    engine: str
    device: str
    threads: int
    check_version: str
    entailment: EntailmentInfo
    def __init__(self, enabled: bool = ..., model: _Optional[str] = ..., model_sha256: _Optional[str] = ..., engine: _Optional[str] = ..., device: _Optional[str] = ..., threads: _Optional[int] = ..., check_version: _Optional[str] = ..., entailment: _Optional[_Union[EntailmentInfo, _Mapping]] = ...) -> None: ...

class EntailmentInfo(_message.Message):
    __slots__ = ("kind", "name", "sha256", "version")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    sha256: str
    version: int
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., sha256: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class PinInfo(_message.Message):
    __slots__ = ("enabled", "detector", "version", "weights_sha256", "max_per_conversation", "line_model", "line_prompt_version", "line_check_version")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DETECTOR_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    LINE_MODEL_FIELD_NUMBER: _ClassVar[int]
    LINE_PROMPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LINE_CHECK_VERSION_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    detector: str
    version: int
    weights_sha256: str
    max_per_conversation: int
    line_model: str
    line_prompt_version: int
    line_check_version: str
    def __init__(self, enabled: bool = ..., detector: _Optional[str] = ..., version: _Optional[int] = ..., weights_sha256: _Optional[str] = ..., max_per_conversation: _Optional[int] = ..., line_model: _Optional[str] = ..., line_prompt_version: _Optional[int] = ..., line_check_version: _Optional[str] = ...) -> None: ...

class CommitCounts(_message.Message):
    __slots__ = ("groups", "batches", "bytes")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    groups: int
    batches: int
    bytes: int
    def __init__(self, groups: _Optional[int] = ..., batches: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class EmbeddingModelInfo(_message.Message):
    __slots__ = ("name", "sha256", "dimensions", "engine", "precision", "device")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    dimensions: int
    engine: str
    precision: str
    device: str
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., dimensions: _Optional[int] = ..., engine: _Optional[str] = ..., precision: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...

class RankingInfo(_message.Message):
    __slots__ = ("version", "weights_sha256", "trained_on")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    TRAINED_ON_FIELD_NUMBER: _ClassVar[int]
    version: str
    weights_sha256: str
    trained_on: str
    def __init__(self, version: _Optional[str] = ..., weights_sha256: _Optional[str] = ..., trained_on: _Optional[str] = ...) -> None: ...

class StalenessInfo(_message.Message):
    __slots__ = ("scorer", "version", "weights_sha256")
    class WeightsSha256Entry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SCORER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    scorer: str
    version: int
    weights_sha256: _containers.ScalarMap[str, str]
    def __init__(self, scorer: _Optional[str] = ..., version: _Optional[int] = ..., weights_sha256: _Optional[_Mapping[str, str]] = ...) -> None: ...
