import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from throughline.v1 import context_service_pb2 as _context_service_pb2
from throughline.v1 import memory_service_pb2 as _memory_service_pb2
from throughline.v1 import resources_pb2 as _resources_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TurnSignalKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TURN_SIGNAL_KIND_UNSPECIFIED: _ClassVar[TurnSignalKind]
    TURN_SIGNAL_KIND_USER_REPEATS: _ClassVar[TurnSignalKind]
    TURN_SIGNAL_KIND_USER_CORRECTS: _ClassVar[TurnSignalKind]
    TURN_SIGNAL_KIND_ASSISTANT_REASKS: _ClassVar[TurnSignalKind]
    TURN_SIGNAL_KIND_ASSISTANT_CONTRADICTS: _ClassVar[TurnSignalKind]
    TURN_SIGNAL_KIND_INSTRUCTION_BROKEN: _ClassVar[TurnSignalKind]

class HealthAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_ACTION_UNSPECIFIED: _ClassVar[HealthAction]
    HEALTH_ACTION_NONE: _ClassVar[HealthAction]
    HEALTH_ACTION_REANCHOR: _ClassVar[HealthAction]
    HEALTH_ACTION_COMPACT: _ClassVar[HealthAction]
    HEALTH_ACTION_RESET: _ClassVar[HealthAction]

class CohortMetric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COHORT_METRIC_UNSPECIFIED: _ClassVar[CohortMetric]
    COHORT_METRIC_QUALITY: _ClassVar[CohortMetric]
    COHORT_METRIC_SUCCESS: _ClassVar[CohortMetric]
    COHORT_METRIC_FRICTION: _ClassVar[CohortMetric]
    COHORT_METRIC_RECALL: _ClassVar[CohortMetric]
    COHORT_METRIC_REASKING: _ClassVar[CohortMetric]
    COHORT_METRIC_CONTRADICTION: _ClassVar[CohortMetric]
    COHORT_METRIC_DISOBEDIENCE: _ClassVar[CohortMetric]
TURN_SIGNAL_KIND_UNSPECIFIED: TurnSignalKind
TURN_SIGNAL_KIND_USER_REPEATS: TurnSignalKind
TURN_SIGNAL_KIND_USER_CORRECTS: TurnSignalKind
TURN_SIGNAL_KIND_ASSISTANT_REASKS: TurnSignalKind
TURN_SIGNAL_KIND_ASSISTANT_CONTRADICTS: TurnSignalKind
TURN_SIGNAL_KIND_INSTRUCTION_BROKEN: TurnSignalKind
HEALTH_ACTION_UNSPECIFIED: HealthAction
HEALTH_ACTION_NONE: HealthAction
HEALTH_ACTION_REANCHOR: HealthAction
HEALTH_ACTION_COMPACT: HealthAction
HEALTH_ACTION_RESET: HealthAction
COHORT_METRIC_UNSPECIFIED: CohortMetric
COHORT_METRIC_QUALITY: CohortMetric
COHORT_METRIC_SUCCESS: CohortMetric
COHORT_METRIC_FRICTION: CohortMetric
COHORT_METRIC_RECALL: CohortMetric
COHORT_METRIC_REASKING: CohortMetric
COHORT_METRIC_CONTRADICTION: CohortMetric
COHORT_METRIC_DISOBEDIENCE: CohortMetric

class GetDegradationRequest(_message.Message):
    __slots__ = ("conversation", "page_size", "page_token", "min_revision")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    page_size: int
    page_token: str
    min_revision: int
    def __init__(self, conversation: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., min_revision: _Optional[int] = ...) -> None: ...

class GetDegradationResponse(_message.Message):
    __slots__ = ("turns", "next_page_token", "health", "handover", "measured_sequence", "revision")
    TURNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    HANDOVER_FIELD_NUMBER: _ClassVar[int]
    MEASURED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[TurnDegradation]
    next_page_token: str
    health: Health
    handover: Handover
    measured_sequence: int
    revision: int
    def __init__(self, turns: _Optional[_Iterable[_Union[TurnDegradation, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., health: _Optional[_Union[Health, _Mapping]] = ..., handover: _Optional[_Union[Handover, _Mapping]] = ..., measured_sequence: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class TurnDegradation(_message.Message):
    __slots__ = ("turn", "role", "history_tokens", "stale_history_share", "signals", "windows", "outcomes", "probes")
    TURN_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STALE_HISTORY_SHARE_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    turn: str
    role: _resources_pb2.Role
    history_tokens: int
    stale_history_share: float
    signals: _containers.RepeatedCompositeFieldContainer[TurnSignal]
    windows: _containers.RepeatedCompositeFieldContainer[WindowDegradation]
    outcomes: _containers.RepeatedCompositeFieldContainer[_resources_pb2.Outcome]
    probes: _containers.RepeatedCompositeFieldContainer[LiveProbe]
    def __init__(self, turn: _Optional[str] = ..., role: _Optional[_Union[_resources_pb2.Role, str]] = ..., history_tokens: _Optional[int] = ..., stale_history_share: _Optional[float] = ..., signals: _Optional[_Iterable[_Union[TurnSignal, _Mapping]]] = ..., windows: _Optional[_Iterable[_Union[WindowDegradation, _Mapping]]] = ..., outcomes: _Optional[_Iterable[_Union[_resources_pb2.Outcome, _Mapping]]] = ..., probes: _Optional[_Iterable[_Union[LiveProbe, _Mapping]]] = ...) -> None: ...

class LiveProbe(_message.Message):
    __slots__ = ("turn", "distance", "recalled")
    TURN_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    turn: str
    distance: int
    recalled: bool
    def __init__(self, turn: _Optional[str] = ..., distance: _Optional[int] = ..., recalled: bool = ...) -> None: ...

class TurnSignal(_message.Message):
    __slots__ = ("kind", "present", "confidence", "reason", "evidence")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    kind: TurnSignalKind
    present: bool
    confidence: float
    reason: str
    evidence: str
    def __init__(self, kind: _Optional[_Union[TurnSignalKind, str]] = ..., present: bool = ..., confidence: _Optional[float] = ..., reason: _Optional[str] = ..., evidence: _Optional[str] = ...) -> None: ...

class WindowDegradation(_message.Message):
    __slots__ = ("build_time", "in_chat", "token_budget", "total_tokens", "fill", "full_history_tokens", "saved_tokens", "stale_share", "middle_share", "distractor_density", "pin_coverage", "retrieval_margin", "evidence_distance", "cached_prefix_share", "superseded_dropped", "summary_age_turns", "assembly_micros", "reanchored", "as_of")
    BUILD_TIME_FIELD_NUMBER: _ClassVar[int]
    IN_CHAT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FILL_FIELD_NUMBER: _ClassVar[int]
    FULL_HISTORY_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAVED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STALE_SHARE_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_SHARE_FIELD_NUMBER: _ClassVar[int]
    DISTRACTOR_DENSITY_FIELD_NUMBER: _ClassVar[int]
    PIN_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    RETRIEVAL_MARGIN_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    CACHED_PREFIX_SHARE_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_DROPPED_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_AGE_TURNS_FIELD_NUMBER: _ClassVar[int]
    ASSEMBLY_MICROS_FIELD_NUMBER: _ClassVar[int]
    REANCHORED_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    build_time: _timestamp_pb2.Timestamp
    in_chat: bool
    token_budget: int
    total_tokens: int
    fill: float
    full_history_tokens: int
    saved_tokens: int
    stale_share: float
    middle_share: float
    distractor_density: float
    pin_coverage: float
    retrieval_margin: float
    evidence_distance: float
    cached_prefix_share: float
    superseded_dropped: int
    summary_age_turns: int
    assembly_micros: int
    reanchored: bool
    as_of: bool
    def __init__(self, build_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., in_chat: bool = ..., token_budget: _Optional[int] = ..., total_tokens: _Optional[int] = ..., fill: _Optional[float] = ..., full_history_tokens: _Optional[int] = ..., saved_tokens: _Optional[int] = ..., stale_share: _Optional[float] = ..., middle_share: _Optional[float] = ..., distractor_density: _Optional[float] = ..., pin_coverage: _Optional[float] = ..., retrieval_margin: _Optional[float] = ..., evidence_distance: _Optional[float] = ..., cached_prefix_share: _Optional[float] = ..., superseded_dropped: _Optional[int] = ..., summary_age_turns: _Optional[int] = ..., assembly_micros: _Optional[int] = ..., reanchored: bool = ..., as_of: bool = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("score", "action", "reasons", "as_of_sequence")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    score: float
    action: HealthAction
    reasons: _containers.RepeatedCompositeFieldContainer[HealthReason]
    as_of_sequence: int
    def __init__(self, score: _Optional[float] = ..., action: _Optional[_Union[HealthAction, str]] = ..., reasons: _Optional[_Iterable[_Union[HealthReason, _Mapping]]] = ..., as_of_sequence: _Optional[int] = ...) -> None: ...

class HealthReason(_message.Message):
    __slots__ = ("signal", "turn", "weight", "reason")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    signal: str
    turn: str
    weight: float
    reason: str
    def __init__(self, signal: _Optional[str] = ..., turn: _Optional[str] = ..., weight: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...

class Handover(_message.Message):
    __slots__ = ("messages", "items", "total_tokens", "shortfalls")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SHORTFALLS_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_context_service_pb2.ContextMessage]
    items: _containers.RepeatedCompositeFieldContainer[_context_service_pb2.ContextItem]
    total_tokens: int
    shortfalls: _containers.RepeatedCompositeFieldContainer[_memory_service_pb2.Shortfall]
    def __init__(self, messages: _Optional[_Iterable[_Union[_context_service_pb2.ContextMessage, _Mapping]]] = ..., items: _Optional[_Iterable[_Union[_context_service_pb2.ContextItem, _Mapping]]] = ..., total_tokens: _Optional[int] = ..., shortfalls: _Optional[_Iterable[_Union[_memory_service_pb2.Shortfall, _Mapping]]] = ...) -> None: ...

class RecordOutcomeRequest(_message.Message):
    __slots__ = ("turn", "outcome")
    TURN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    turn: str
    outcome: _resources_pb2.Outcome
    def __init__(self, turn: _Optional[str] = ..., outcome: _Optional[_Union[_resources_pb2.Outcome, _Mapping]] = ...) -> None: ...

class RecordOutcomeResponse(_message.Message):
    __slots__ = ("outcome", "repeated_record")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REPEATED_RECORD_FIELD_NUMBER: _ClassVar[int]
    outcome: _resources_pb2.Outcome
    repeated_record: bool
    def __init__(self, outcome: _Optional[_Union[_resources_pb2.Outcome, _Mapping]] = ..., repeated_record: bool = ...) -> None: ...

class WatchHealthRequest(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    def __init__(self, conversation: _Optional[str] = ...) -> None: ...

class WatchHealthResponse(_message.Message):
    __slots__ = ("health", "handover")
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    HANDOVER_FIELD_NUMBER: _ClassVar[int]
    health: Health
    handover: Handover
    def __init__(self, health: _Optional[_Union[Health, _Mapping]] = ..., handover: _Optional[_Union[Handover, _Mapping]] = ...) -> None: ...

class CohortFilter(_message.Message):
    __slots__ = ("model", "prompt_version", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt_version: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., prompt_version: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class GetCohortDegradationRequest(_message.Message):
    __slots__ = ("metric", "cohort", "baseline", "from_time", "until_time", "baseline_from_time", "baseline_until_time")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    COHORT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    BASELINE_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    metric: CohortMetric
    cohort: CohortFilter
    baseline: CohortFilter
    from_time: _timestamp_pb2.Timestamp
    until_time: _timestamp_pb2.Timestamp
    baseline_from_time: _timestamp_pb2.Timestamp
    baseline_until_time: _timestamp_pb2.Timestamp
    def __init__(self, metric: _Optional[_Union[CohortMetric, str]] = ..., cohort: _Optional[_Union[CohortFilter, _Mapping]] = ..., baseline: _Optional[_Union[CohortFilter, _Mapping]] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., baseline_from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., baseline_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetCohortDegradationResponse(_message.Message):
    __slots__ = ("cohort", "baseline", "comparison", "cut")
    COHORT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    cohort: Cohort
    baseline: Cohort
    comparison: CohortComparison
    cut: bool
    def __init__(self, cohort: _Optional[_Union[Cohort, _Mapping]] = ..., baseline: _Optional[_Union[Cohort, _Mapping]] = ..., comparison: _Optional[_Union[CohortComparison, _Mapping]] = ..., cut: bool = ...) -> None: ...

class Cohort(_message.Message):
    __slots__ = ("conversations", "level", "by_turn", "by_history_tokens", "by_distance", "change", "change_measurable")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    BY_TURN_FIELD_NUMBER: _ClassVar[int]
    BY_HISTORY_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BY_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_MEASURABLE_FIELD_NUMBER: _ClassVar[int]
    conversations: int
    level: CohortLevel
    by_turn: _containers.RepeatedCompositeFieldContainer[CurvePoint]
    by_history_tokens: _containers.RepeatedCompositeFieldContainer[CurvePoint]
    by_distance: _containers.RepeatedCompositeFieldContainer[CurvePoint]
    change: CohortChange
    change_measurable: bool
    def __init__(self, conversations: _Optional[int] = ..., level: _Optional[_Union[CohortLevel, _Mapping]] = ..., by_turn: _Optional[_Iterable[_Union[CurvePoint, _Mapping]]] = ..., by_history_tokens: _Optional[_Iterable[_Union[CurvePoint, _Mapping]]] = ..., by_distance: _Optional[_Iterable[_Union[CurvePoint, _Mapping]]] = ..., change: _Optional[_Union[CohortChange, _Mapping]] = ..., change_measurable: bool = ...) -> None: ...

class CohortLevel(_message.Message):
    __slots__ = ("count", "mean", "low", "high", "unreliability", "gap")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    UNRELIABILITY_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    count: int
    mean: float
    low: float
    high: float
    unreliability: float
    gap: float
    def __init__(self, count: _Optional[int] = ..., mean: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., unreliability: _Optional[float] = ..., gap: _Optional[float] = ...) -> None: ...

class CurvePoint(_message.Message):
    __slots__ = ("from_place", "until_place", "level")
    FROM_PLACE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_PLACE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    from_place: int
    until_place: int
    level: CohortLevel
    def __init__(self, from_place: _Optional[int] = ..., until_place: _Optional[int] = ..., level: _Optional[_Union[CohortLevel, _Mapping]] = ...) -> None: ...

class CohortChange(_message.Message):
    __slots__ = ("since_conversation", "since_time", "alarm_conversation", "mean_before", "mean_since")
    SINCE_CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    ALARM_CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    MEAN_BEFORE_FIELD_NUMBER: _ClassVar[int]
    MEAN_SINCE_FIELD_NUMBER: _ClassVar[int]
    since_conversation: str
    since_time: _timestamp_pb2.Timestamp
    alarm_conversation: str
    mean_before: float
    mean_since: float
    def __init__(self, since_conversation: _Optional[str] = ..., since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., alarm_conversation: _Optional[str] = ..., mean_before: _Optional[float] = ..., mean_since: _Optional[float] = ...) -> None: ...

class CohortComparison(_message.Message):
    __slots__ = ("difference", "p_value", "cliffs_delta", "low", "high")
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    CLIFFS_DELTA_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    difference: float
    p_value: float
    cliffs_delta: float
    low: float
    high: float
    def __init__(self, difference: _Optional[float] = ..., p_value: _Optional[float] = ..., cliffs_delta: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...
