"""Idempotency keys for the caller: a request that leaves one empty gets one
before it is first sent, so that every retry of it carries the same."""

from __future__ import annotations

from uuid import uuid4

from throughline import v1


def new_key() -> str:
    """A key that nobody has drawn before."""
    return uuid4().hex


def fill_request_id(
    request: v1.CreateConversationRequest | v1.ForkConversationRequest | v1.PinFactRequest,
) -> None:
    """Draws the request id that is missing."""
    request.request_id = request.request_id or new_key()


def fill_turn_id(request: v1.PrepareTurnRequest) -> None:
    """Draws the client turn id that is missing."""
    request.turn.client_turn_id = request.turn.client_turn_id or new_key()


def fill_turn_ids(request: v1.AppendTurnsRequest) -> None:
    """Draws the client turn ids that are missing."""
    for turn in request.turns:
        turn.client_turn_id = turn.client_turn_id or new_key()


def fill_outcome_id(request: v1.RecordOutcomeRequest) -> None:
    """Draws the outcome id that is missing."""
    request.outcome.outcome_id = request.outcome.outcome_id or new_key()
