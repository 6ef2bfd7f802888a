"""Errors of the service, one class for each way in which a caller acts on
them; `reason` is the server's own word for it, such as `SEQUENCE_MISMATCH`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that the server refused."""

    field: str
    description: str


@dataclass(frozen=True)
class Failure:
    """What a status and its details say."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: dict[str, str] | None = None
    field_violations: tuple[FieldViolation, ...] = ()
    retry_delay: float | None = None


class ThroughlineError(Exception):
    """Any error of a call."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.code: grpc.StatusCode = failure.code
        """The status code of gRPC."""
        self.message: str = failure.message
        """For people; names the mend."""
        self.reason: str = failure.reason
        """In UPPER_SNAKE; empty if the error arose on the way."""
        self.metadata: dict[str, str] = failure.metadata or {}
        """What the reason is about, such as `limit` and `max`."""
        self.field_violations: tuple[FieldViolation, ...] = failure.field_violations
        """The refused fields."""
        self.retry_delay: float | None = failure.retry_delay
        """Seconds after which the server suggests a repeat; None if it does not."""

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"


class InvalidArgumentError(ThroughlineError):
    """The request is wrong: `field_violations` says where."""


class NotFoundError(ThroughlineError):
    """It does not exist, or it is another tenant's."""


class AlreadyExistsError(ThroughlineError):
    """The id is taken, by other content."""


class ConflictError(ThroughlineError):
    """Another writer was first: read and try again."""


class BudgetTooSmallError(ThroughlineError):
    """The required pins do not fit the budget: `metadata` has `needed` and `given`."""


class PreconditionError(ThroughlineError):
    """The server does not do this as it is configured."""


class AuthenticationError(ThroughlineError):
    """The API key is missing or unknown."""


class PermissionDeniedError(ThroughlineError):
    """The API key lacks the scope."""


class ResourceExhaustedError(ThroughlineError):
    """A limit is reached or the server is overloaded."""


class UnavailableError(ThroughlineError):
    """The server cannot be reached, starts, or shuts down."""


class DeadlineExceededError(ThroughlineError):
    """The deadline passed. A write may have been made: repeat it under the same id."""


class ServerError(ThroughlineError):
    """The server failed; its log says more."""


_CLASSES: dict[grpc.StatusCode, type[ThroughlineError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.UNAUTHENTICATED: AuthenticationError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.DATA_LOSS: ServerError,
    grpc.StatusCode.INTERNAL: ServerError,
    grpc.StatusCode.UNKNOWN: ServerError,
}


def from_rpc(error: grpc.RpcError) -> ThroughlineError:
    """The typed form of what grpcio raised, sync or async."""
    call = cast(Any, error)
    return of_failure(_failure(call.code(), call.details() or "", call.trailing_metadata() or ()))


def of_failure(failure: Failure) -> ThroughlineError:
    """The error class that a caller acts on."""
    if failure.reason == "BUDGET_TOO_SMALL":
        return BudgetTooSmallError(failure)
    return _CLASSES.get(failure.code, ThroughlineError)(failure)


def _failure(code: grpc.StatusCode, message: str, trailers: Any) -> Failure:
    status = status_pb2.Status()
    for key, value in trailers:
        if key == _DETAILS_KEY:
            try:
                status.ParseFromString(value)
            except DecodeError:
                return Failure(code, message)
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    request = error_details_pb2.BadRequest()
    delay = None
    for detail in status.details:
        if detail.Unpack(retry):
            delay = retry.retry_delay.ToTimedelta().total_seconds()
        elif not detail.Unpack(info):
            detail.Unpack(request)
    violations = tuple(FieldViolation(v.field, v.description) for v in request.field_violations)
    return Failure(code, message, info.reason, dict(info.metadata), violations, delay)
