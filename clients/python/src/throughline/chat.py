"""Turns and windows in the format of a chat completion, and back.

Nothing is lost on the way in: text, tool calls, tool results, images, audio and
files become parts of a turn, in their order.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from throughline import v1

ChatMessage = dict[str, Any]
"""A message of a chat completion request."""


class _Dumps(Protocol):
    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]: ...


ChatInput = str | Mapping[str, Any] | _Dumps
"""What becomes a turn: text alone, a chat message, or a message object of the OpenAI SDK."""

_ROLES = {
    "system": v1.ROLE_SYSTEM,
    "developer": v1.ROLE_SYSTEM,
    "user": v1.ROLE_USER,
    "assistant": v1.ROLE_ASSISTANT,
    "tool": v1.ROLE_TOOL,
}
_DATA_URL = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)


def to_turn(message: ChatInput, *, role: str = "user") -> v1.Turn:
    """A turn of a chat message; `role` is that of text alone.

    Raises `ValueError` for a role that does not exist.
    """
    if isinstance(message, str):
        return v1.Turn(role=_ROLES[role], parts=[v1.Part(text=message)])
    chat = message if isinstance(message, Mapping) else message.model_dump(exclude_none=True)
    name = str(chat.get("role", role))
    if name not in _ROLES:
        raise ValueError(f"role must be one of {', '.join(_ROLES)}, is {name!r}")
    content = list(_content_parts(chat.get("content")))
    if name == "tool":
        text = "".join(part.text for part in content)
        result = v1.ToolResult(call_id=str(chat.get("tool_call_id", "")), content=text)
        content = [v1.Part(tool_result=result)]
    if chat.get("refusal"):
        content.append(v1.Part(text=str(chat["refusal"])))
    content.extend(_tool_call(call) for call in chat.get("tool_calls") or ())
    return v1.Turn(role=_ROLES[name], parts=content, speaker=str(chat.get("name") or ""))


def to_messages(window: Iterable[v1.ContextMessage]) -> list[ChatMessage]:
    """The messages of a window, ready for a chat completion."""
    return [chat for message in window for chat in _messages(message)]


def _content_parts(content: object) -> Iterable[v1.Part]:
    if isinstance(content, str):
        return [v1.Part(text=content)] if content else []
    items = cast("Sequence[Mapping[str, Any]]", content or ())
    return [part for part in map(_content_part, items) if part is not None]


def _content_part(item: Mapping[str, Any]) -> v1.Part | None:
    kind = item.get("type")
    if kind == "image_url":
        return _opaque(str(item["image_url"]["url"]), "image/*")
    if kind == "input_audio":
        audio = item["input_audio"]
        data = base64.b64decode(audio["data"])
        return v1.Part(opaque=v1.Opaque(media_type=f"audio/{audio['format']}", data=data))
    if kind == "file":
        file = item["file"]
        return _opaque(str(file.get("file_data") or file.get("file_id", "")), "application/*")
    # A model's thoughts are no part of a conversation.
    text = str(item.get("text") or item.get("refusal") or "")
    return v1.Part(text=text) if text else None


def _opaque(source: str, media_type: str) -> v1.Part:
    inline = _DATA_URL.fullmatch(source)
    if inline is None:
        return v1.Part(opaque=v1.Opaque(media_type=media_type, uri=source))
    data = base64.b64decode(inline[2])
    return v1.Part(opaque=v1.Opaque(media_type=inline[1], data=data))


def _tool_call(call: Mapping[str, Any]) -> v1.Part:
    function = call.get("function") or {}
    return v1.Part(
        tool_call=v1.ToolCall(
            call_id=str(call.get("id", "")),
            name=str(function.get("name", "")),
            arguments_json=str(function.get("arguments", "")),
        )
    )


def _messages(message: v1.ContextMessage) -> list[ChatMessage]:
    results = [part.tool_result for part in message.parts if part.HasField("tool_result")]
    if message.role == v1.ROLE_TOOL and results:
        return [
            {"role": "tool", "tool_call_id": result.call_id, "content": result.content}
            for result in results
        ]
    # A tool's words without the id of a call cannot stand under `tool`.
    roles = {v1.ROLE_SYSTEM: "system", v1.ROLE_USER: "user"}
    chat: ChatMessage = {"role": roles.get(message.role, "assistant"), "content": message.content}
    if message.speaker:
        chat["name"] = re.sub(r"[^a-zA-Z0-9_-]", "_", message.speaker)[:64]
    calls = [part.tool_call for part in message.parts if part.HasField("tool_call")]
    if calls:
        chat["content"] = message.content or None
        chat["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_json},
            }
            for call in calls
        ]
    opaque = [part.opaque for part in message.parts if part.HasField("opaque")]
    if opaque and chat["role"] == "user":
        text = [{"type": "text", "text": message.content}] if message.content else []
        chat["content"] = text + [_opaque_content(part) for part in opaque]
    return [chat]


def _opaque_content(part: v1.Opaque) -> dict[str, Any]:
    encoded = base64.b64encode(part.data).decode()
    kind, _, form = part.media_type.partition("/")
    url = part.uri or f"data:{part.media_type};base64,{encoded}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "audio" and part.data:
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": form}}
    return {"type": "file", "file": {"file_id": url} if part.uri else {"file_data": url}}
