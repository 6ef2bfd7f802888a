"""Client of Throughline, the conversation memory service for chat backends.

memory = throughline.Client()
turn = memory.prepare_turn("trip", "Where do I stay?", budget=2000)
answer = ...  # a chat completion of turn.messages
memory.commit_turn(turn, answer)
"""

from throughline.aio import AsyncClient
from throughline.chat import ChatInput, ChatMessage, to_messages, to_turn
from throughline.client import Client
from throughline.errors import (
    AlreadyExistsError,
    AuthenticationError,
    BudgetTooSmallError,
    ConflictError,
    DeadlineExceededError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    ResourceExhaustedError,
    ServerError,
    ThroughlineError,
    UnavailableError,
)
from throughline.operations import Context, Page, PreparedTurn
from throughline.retry import RetryPolicy

__all__ = [
    "AlreadyExistsError",
    "AsyncClient",
    "AuthenticationError",
    "BudgetTooSmallError",
    "ChatInput",
    "ChatMessage",
    "Client",
    "ConflictError",
    "Context",
    "DeadlineExceededError",
    "FieldViolation",
    "InvalidArgumentError",
    "NotFoundError",
    "Page",
    "PermissionDeniedError",
    "PreconditionError",
    "PreparedTurn",
    "ResourceExhaustedError",
    "RetryPolicy",
    "ServerError",
    "ThroughlineError",
    "UnavailableError",
    "to_messages",
    "to_turn",
]
