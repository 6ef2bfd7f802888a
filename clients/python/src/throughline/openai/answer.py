"""The model's answer as it comes: whole, or in chunks."""

from __future__ import annotations

from typing import Any

from throughline.chat import ChatMessage
from throughline.errors import ThroughlineError

_WHOLE = ("stop", "tool_calls", "function_call")


class AnswerNotStoredError(Exception):
    """The model answered, and the answer could not be stored: `completion` holds
    it (None for a stream, which was handed out), `__cause__` says why."""

    def __init__(self, completion: Any, cause: ThroughlineError) -> None:
        super().__init__(f"the answer could not be stored: {cause}")
        self.completion = completion


class Answer:
    """The first choice of a completion, put together."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._finish: str | None = None

    @property
    def cut_off(self) -> bool:
        """It did not come to its own end."""
        return self._finish not in _WHOLE

    def add(self, completion: Any) -> None:
        """Takes a completion in, or a chunk of one."""
        for choice in completion.choices:
            if choice.index != 0:
                continue
            said = choice.delta if hasattr(choice, "delta") else choice.message
            self._content.append(said.content or "")
            self._refusal.append(getattr(said, "refusal", None) or "")
            for place, call in enumerate(said.tool_calls or ()):
                self._add_call(getattr(call, "index", place), call)
            self._finish = choice.finish_reason or self._finish

    def _add_call(self, index: int, piece: Any) -> None:
        call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        call["id"] = piece.id or call["id"]
        if piece.function is not None:
            call["name"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""

    def message(self) -> ChatMessage | None:
        """As a chat message; None if nothing came."""
        content, refusal = "".join(self._content), "".join(self._refusal)
        if not (content or refusal or self._calls):
            return None
        message: ChatMessage = {"role": "assistant", "content": content}
        if refusal:
            message["refusal"] = refusal
        if self._calls:
            message["tool_calls"] = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"]},
                }
                for _, call in sorted(self._calls.items())
            ]
        return message
