"""What becomes of images, audio and files in a turn."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from throughline import to_messages, to_turn, v1

BYTES = b"\x89PNG" * (1 << 19)


def image(data: bytes) -> dict[str, Any]:
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def shown(turn: v1.Turn) -> Any:
    """The content of the turn in a later window."""
    return to_messages([v1.ContextMessage(role=v1.ROLE_USER, parts=turn.parts)])[0]["content"]


def test_a_large_image_is_kept_as_an_address() -> None:
    turn = to_turn({"role": "user", "content": [image(BYTES)]})
    assert len(BYTES) == 2 << 20
    assert turn.parts[0].opaque.uri == f"urn:sha256:{hashlib.sha256(BYTES).hexdigest()}"
    assert turn.ByteSize() < 1000
    assert shown(turn) == [{"type": "text", "text": "[image/png]"}]


def test_small_images_are_kept_as_long_as_there_is_room() -> None:
    small = BYTES[: 200 << 10]
    turn = to_turn({"role": "user", "content": [image(small)] * 3})
    assert [part.opaque.data == small for part in turn.parts] == [True, True, False]
    assert shown(turn)[0]["image_url"]["url"] == image(small)["image_url"]["url"]


def test_media_cost_tokens() -> None:
    contents = [
        image(BYTES),
        image(b"x"),
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    turn = to_turn({"role": "user", "content": contents})
    assert [part.opaque.token_cost for part in turn.parts] == [1000] * 5
