"""Where the server is and who calls."""

from __future__ import annotations

import pytest

from throughline import AsyncClient, Client
from throughline.channel import endpoint


@pytest.mark.parametrize(
    ("address", "target", "tls"),
    [
        ("memory:7420", "memory:7420", False),
        ("http://memory", "memory:80", False),
        ("https://memory", "memory:443", True),
        ("https://[::1]:7420", "[::1]:7420", True),
    ],
)
def test_an_address_is_read(address: str, target: str, tls: bool) -> None:
    found = endpoint(address, "")
    assert (found.target, found.tls, found.metadata) == (target, tls, ())


def test_no_print_shows_the_key() -> None:
    found = endpoint("memory:7420", "secret-key")
    assert found.metadata == (("authorization", "Bearer secret-key"),)
    assert "secret-key" not in f"{found!r} {found}"
    with Client("memory:7420", api_key="secret-key") as client:
        assert "secret-key" not in f"{client!r} {client}"
    assert "secret-key" not in repr(AsyncClient("memory:7420", api_key="secret-key"))
