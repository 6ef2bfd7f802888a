"""The model's answer as it comes: whole, or in chunks.

The caller paid for it: whatever its form, it is read as well as it can be, and
reading it raises nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from throughline.chat import ChatMessage

_WHOLE = ("stop", "tool_calls", "function_call")
_FUNCTION_CALL = "function_call"
"""The id of a call in the form that was before tools, which has none."""
_UNNAMED = "unknown"

_log = logging.getLogger(__name__)


class AnswerNotStoredError(Exception):
    """The model answered, and the answer could not be stored: `completion` holds
    it (None for a stream, which was handed out), `__cause__` says why."""

    def __init__(self, completion: Any, cause: Exception) -> None:
        super().__init__(f"the answer could not be stored: {cause}")
        self.completion = completion


class Answer:
    """The first choice of a completion, put together."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, list[_Call]] = {}
        """By their index, which several may share."""
        self._finish: str | None = None

    @property
    def cut_off(self) -> bool:
        """It did not come to its own end."""
        return self._finish not in _WHOLE

    def add(self, completion: Any) -> None:
        """Takes a completion in, or a chunk of one. What has no known form is left
        out, with a warning."""
        try:
            for choice in completion.choices or ():
                if not choice.index:
                    self._add_choice(choice)
        except Exception:
            _log.warning("a part of an answer cannot be read and is not stored", exc_info=True)

    def _add_choice(self, choice: Any) -> None:
        said = _of(choice, "delta") or _of(choice, "message")
        self._finish = choice.finish_reason or self._finish
        self._content.append(_text(_of(said, "content")))
        self._refusal.append(_text(_of(said, "refusal")))
        for place, piece in enumerate(_of(said, "tool_calls") or ()):
            index = _of(piece, "index")
            self._add_call(index if isinstance(index, int) else place, _read(piece))
        if function := _of(said, _FUNCTION_CALL):
            self._add_call(0, _read({"id": _FUNCTION_CALL, "function": function}))

    def _add_call(self, index: int, piece: _Piece) -> None:
        """To the call of this index with the piece's id, or the newest. Not every
        service counts its calls: another id with a name begins another one."""
        calls = self._calls.setdefault(index, [])
        call = next((call for call in calls if piece.id and call.id == piece.id), None)
        if call is None and calls and not (piece.id and piece.name and calls[-1].id):
            call = calls[-1]
        if call is None:
            call = _Call()
            calls.append(call)
        call.add(piece)

    def message(self) -> ChatMessage | None:
        """As a chat message; None if nothing came."""
        content, refusal = _joined(self._content), _joined(self._refusal)
        if not (content or refusal or self._calls):
            return None
        message: ChatMessage = {"role": "assistant", "content": content}
        if refusal:
            message["refusal"] = refusal
        if self._calls:
            calls = [(at, call) for at in sorted(self._calls) for call in self._calls[at]]
            message["tool_calls"] = [call.chat(at) for at, call in calls]
        return message


class _Piece(NamedTuple):
    """A call of a tool, or a piece of one."""

    id: str
    name: str = ""
    arguments: str = ""
    is_custom: bool = False


def _read(piece: Any) -> _Piece:
    call_id, kind = _text(_of(piece, "id")), _text(_of(piece, "type"))
    if function := _of(piece, "function"):
        return _Piece(call_id, _text(_of(function, "name")), _json(_of(function, "arguments")))
    if custom := _of(piece, "custom"):
        name, given = _text(_of(custom, "name")), _json(_of(custom, "input"))
        return _Piece(call_id, name, given, is_custom=True)
    if kind in ("", "function", "custom"):
        return _Piece(call_id)
    # Of a kind that came later: kept as it is, under the name of its kind.
    return _Piece(call_id, kind, json.dumps(_plain(piece), default=str), is_custom=True)


class _Call:
    """A call of a tool, put together."""

    def __init__(self) -> None:
        self.id = ""
        self._is_custom = False
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, piece: _Piece) -> None:
        self.id = self.id or piece.id
        self._is_custom = self._is_custom or piece.is_custom
        self._name.append(piece.name)
        self._arguments.append(piece.arguments)

    def chat(self, index: int) -> dict[str, Any]:
        """As a chat message has it; a turn takes no call without id or name."""
        call_id = self.id or f"call-{index}"
        name, arguments = _joined(self._name) or _UNNAMED, _joined(self._arguments)
        if self._is_custom:
            return {"id": call_id, "type": "custom", "custom": {"name": name, "input": arguments}}
        function = {"name": name, "arguments": arguments}
        return {"id": call_id, "type": "function", "function": function}


def _of(value: Any, name: str) -> Any:
    """A field of an object of the SDK, or of what it left as a dictionary."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _text(content: Any) -> str:
    """Text, or a list of parts of which some are text."""
    if isinstance(content, list):
        return "".join(_text(_of(part, "text")) for part in content)
    return content if isinstance(content, str) else ""


def _json(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments, default=str)


def _plain(piece: Any) -> Any:
    return piece.model_dump() if hasattr(piece, "model_dump") else piece


def _joined(pieces: list[str]) -> str:
    """The pieces of a text. One character may come in two of them, as surrogates; what
    is no character is replaced."""
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
