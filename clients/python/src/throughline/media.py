"""Images, audio and files: as parts of a turn, and back as contents of a chat message.

Small ones are stored themselves. Of a large one the address is, by its hash: a turn
has a limit, and what the service never reads need not lie there. An application that
keeps its media by their SHA-256 finds them again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from throughline import v1

_TOKENS = 1_000
"""What one costs in a window: an image of a million pixels at the hosted models."""
_MAX_KEPT = 256 * 1024
"""Bytes of the largest that is stored itself."""
_MAX_KEPT_OF_TURN = 512 * 1024
"""Bytes that are stored of one message: with its texts far below the limit of a turn."""
_HASH = "urn:sha256:"
# The chat proxy stores the hash of the data URL.
_HASHES = (_HASH, "urn:blake3:")
_DATA_URL = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)


class MediaOfTurn:
    """Makes the parts of one message; counts what is stored of it."""

    def __init__(self) -> None:
        self._kept = 0

    def part(self, item: Mapping[str, Any]) -> v1.Part | None:
        """The part of a content; None for what is none of these."""
        kind = item.get("type")
        if kind == "image_url":
            return self._of_url(str(item["image_url"]["url"]), "image/*")
        if kind == "input_audio":
            audio = item["input_audio"]
            return self._inline(f"audio/{audio['format']}", base64.b64decode(audio["data"]))
        if kind == "file":
            file = item["file"]
            source = str(file.get("file_data") or file.get("file_id", ""))
            return self._of_url(source, "application/*")
        return None

    def _of_url(self, source: str, media_type: str) -> v1.Part:
        inline = _DATA_URL.fullmatch(source)
        if inline is not None:
            return self._inline(inline[1], base64.b64decode(inline[2]))
        return v1.Part(opaque=v1.Opaque(media_type=media_type, uri=source, token_cost=_TOKENS))

    def _inline(self, media_type: str, data: bytes) -> v1.Part:
        opaque = v1.Opaque(media_type=media_type, token_cost=_TOKENS)
        if len(data) <= min(_MAX_KEPT, _MAX_KEPT_OF_TURN - self._kept):
            self._kept += len(data)
            opaque.data = data
        else:
            opaque.uri = _HASH + hashlib.sha256(data).hexdigest()
        return v1.Part(opaque=opaque)


def content_of(part: v1.Opaque) -> dict[str, Any]:
    """A content of a chat message; what is not kept here is named."""
    if part.uri.startswith(_HASHES):
        return {"type": "text", "text": f"[{part.media_type}]"}
    encoded = base64.b64encode(part.data).decode()
    kind, _, form = part.media_type.partition("/")
    url = part.uri or f"data:{part.media_type};base64,{encoded}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "audio" and part.data:
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": form}}
    return {"type": "file", "file": {"file_id": url} if part.uri else {"file_data": url}}
