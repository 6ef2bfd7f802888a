"""One interface for both clients, and their answers as plain data: what the
conformance cases are written in."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict

from throughline import AsyncClient, Client, ThroughlineError, methods, to_turn, v1

ROLES = {
    v1.ROLE_SYSTEM: "system",
    v1.ROLE_USER: "user",
    v1.ROLE_ASSISTANT: "assistant",
    v1.ROLE_TOOL: "tool",
}


async def call(
    client: Client | AsyncClient, name: str, given: dict[str, Any], saved: dict[str, Any]
) -> tuple[Any, Any]:
    """Makes the call of a step; gives the answer and its plain form."""
    arguments = dict(given)
    if name == "copy_conversation":
        return None, await copy(client, **arguments)
    if name == "turns":
        turns = await collect(client.turns(arguments.pop("conversation"), **arguments))
        return None, {"texts": [text(turn) for turn in turns]}
    positional = []
    if name == "commit_turn":
        positional = [saved[arguments.pop("turn")], *arguments.pop("answer")]
    if name == "append_turns":
        arguments["turns"] = [to_turn(message) for message in arguments.pop("messages")]
    answer = getattr(client, name)(*positional, **arguments)
    if inspect.isawaitable(answer):
        answer = await answer
    return answer, plain(name, answer)


async def copy(client: Client | AsyncClient, conversation: str, to: str) -> dict[str, Any]:
    """Streams a conversation out, and in again under another id."""
    request = v1.ExportConversationRequest(name=f"conversations/{conversation}")
    items = await collect(client.stream(methods.EXPORT_CONVERSATION, request))
    uploads = [v1.ImportConversationRequest() for _ in items]
    for upload, item in zip(uploads, items, strict=True):
        upload.ParseFromString(item.SerializeToString())
    uploads[0].conversation_id = to
    answer = client.upload(methods.IMPORT_CONVERSATION, uploads)
    done = await answer if inspect.isawaitable(answer) else answer
    return {"turns": done.turns}


async def collect(items: Iterator[Any] | AsyncIterator[Any]) -> list[Any]:
    if isinstance(items, AsyncIterator):
        return [item async for item in items]
    return list(items)


def plain(name: str, answer: Any) -> Any:
    if name == "ensure_conversation":
        return {"created": answer}
    if name in ("prepare_turn", "build_context"):
        kept = {"messages": answer.messages, "total_tokens": answer.window.total_tokens}
        kept["text"] = "\n".join(str(message["content"]) for message in answer.messages)
        if name == "prepare_turn":
            kept |= {
                "sequence": answer.sequence,
                "repeated": answer.repeated,
                "turn_id": answer.turn_id,
            }
        return kept
    if name in ("commit_turn", "append_turns"):
        repeated = [turn.repeated_append for turn in answer.turns]
        return {"last_sequence": answer.last_sequence, "repeated": repeated}
    if name == "list_turns":
        return {"turns": [plain_turn(turn) for turn in answer.items]}
    if name == "search_turns":
        return {"hits": [{"sequence": hit.turn.sequence} for hit in answer.items]}
    if name == "list_facts":
        return {"facts": [{"text": fact.text} for fact in answer.items]}
    fields = [field.name for field in answer.DESCRIPTOR.fields]
    return {field: getattr(answer, field) for field in fields}


def plain_turn(turn: v1.Turn) -> dict[str, Any]:
    metadata = MessageToDict(turn.metadata)
    return {
        "sequence": turn.sequence,
        "role": ROLES[turn.role],
        "text": text(turn),
        "metadata": metadata,
    }


def text(turn: v1.Turn) -> str:
    return "".join(part.text for part in turn.parts)


def plain_error(error: ThroughlineError) -> dict[str, Any]:
    name = type(error).__name__.removesuffix("Error")
    return {
        "kind": re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(),
        "code": error.code.name,
        "reason": error.reason,
        "fields": [violation.field for violation in error.field_violations],
        "metadata": error.metadata,
    }
