"""Turns and windows in the format of a chat completion, and back.

Text, tool calls, tool results, images, audio and files become parts of a turn, in
their order. The message that a window is for stands in it as the caller gave it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from throughline import v1
from throughline.media import MediaOfTurn, content_of

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


def to_turn(message: ChatInput, *, role: str = "user") -> v1.Turn:
    """A turn of a chat message; `role` is that of text alone.

    Raises `ValueError` for a role that does not exist.
    """
    if isinstance(message, str):
        return v1.Turn(role=_ROLES[role], parts=[v1.Part(text=message)])
    chat = to_chat(message, role=role)
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


def to_chat(message: ChatInput, *, role: str = "user") -> ChatMessage:
    """The chat message that was given; `role` is that of text alone."""
    if isinstance(message, str):
        return {"role": role, "content": message}
    if isinstance(message, Mapping):
        return dict(message)
    return message.model_dump(exclude_none=True)


def to_messages(window: Iterable[v1.ContextMessage]) -> list[ChatMessage]:
    """The messages of a window, ready for a chat completion."""
    return [chat for message in window for chat in _messages(message)]


def answering(window: v1.ContextWindow, asked: ChatMessage) -> list[ChatMessage]:
    """The messages of a window that was built for a message of the user: the window
    has it as it is stored, or not at all if it had no room; the model gets it as it
    was given."""
    asked = dict(asked)
    if asked.get("name"):
        asked["name"] = _name(str(asked["name"]))
    query = _query_of(window)
    chats: list[ChatMessage] = []
    for place, message in enumerate(window.messages):
        chats.extend([asked] if place in query else _messages(message))
    return chats if query else [*chats, asked]


def before_query(window: v1.ContextWindow) -> list[ChatMessage]:
    """The messages of a window without the one that it was built for."""
    query = _query_of(window)
    kept = (message for place, message in enumerate(window.messages) if place not in query)
    return to_messages(kept)


def as_declared(messages: Iterable[ChatMessage], tools: object) -> list[ChatMessage]:
    """Messages of a window whose calls of custom tools stand as such: a stored call does
    not say its kind, the tools of the request do."""
    given = tools if isinstance(tools, Sequence) else ()
    customs = {tool["custom"]["name"] for tool in given if "custom" in tool}

    def declared(call: dict[str, Any]) -> dict[str, Any]:
        name, text = call["function"]["name"], call["function"]["arguments"]
        if name not in customs:
            return call
        return {"id": call["id"], "type": "custom", "custom": {"name": name, "input": text}}

    return [
        {**chat, "tool_calls": [declared(call) for call in chat["tool_calls"]]}
        if "tool_calls" in chat
        else chat
        for chat in messages
    ]


def _query_of(window: v1.ContextWindow) -> set[int]:
    return {item.message_index for item in window.items if item.section == v1.SECTION_QUERY}


def _content_parts(content: object) -> Iterable[v1.Part]:
    if isinstance(content, str):
        return [v1.Part(text=content)] if content else []
    items, media = cast("Sequence[Mapping[str, Any]]", content or ()), MediaOfTurn()
    parts = (media.part(item) or _text_part(item) for item in items)
    return [part for part in parts if part is not None]


def _text_part(item: Mapping[str, Any]) -> v1.Part | None:
    # A model's thoughts are no part of a conversation.
    text = str(item.get("text") or item.get("refusal") or "")
    return v1.Part(text=text) if text else None


def _name(speaker: str) -> str:
    """A name that a chat completion takes."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", speaker)[:64]


def _tool_call(call: Mapping[str, Any]) -> v1.Part:
    # A custom tool takes text in place of JSON.
    custom = call.get("custom") or {}
    function = call.get("function") or custom
    arguments = custom.get("input", "") if function is custom else function.get("arguments", "")
    return v1.Part(
        tool_call=v1.ToolCall(
            call_id=str(call.get("id", "")),
            name=str(function.get("name", "")),
            arguments_json=str(arguments),
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
        chat["name"] = _name(message.speaker)
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
        chat["content"] = text + [content_of(part) for part in opaque]
    return [chat]
