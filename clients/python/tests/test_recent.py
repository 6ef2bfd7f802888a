"""What is remembered between two requests."""

from __future__ import annotations

from throughline.exchange import Asked
from throughline.recent import Recent


def test_an_answer_ends_the_wait_of_its_own_turn_alone() -> None:
    recent = Recent()
    one, other = Asked({"content": "One"}, "1"), Asked({"content": "Other"}, "2")
    recent.ask("c", one)
    recent.ask("c", other)
    recent.answered("c", one.turn_id)
    assert recent.asked("c") == other
    recent.answered("c", other.turn_id)
    assert not recent.asked("c").turn_id
