"""Where the server is and who calls: address, TLS, API key, channel options."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEFAULT_ADDRESS = "127.0.0.1:7420"
ADDRESS_VARIABLE = "THROUGHLINE_ADDRESS"
API_KEY_VARIABLE = "THROUGHLINE_API_KEY"

_MAX_MESSAGE_BYTES = 64 << 20

OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # A server that restarts is found again at the pace of the retries.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Clients of one process with different keys do not share a connection.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True)
class Endpoint:
    """A server and how to reach it."""

    target: str
    """`host:port`."""
    tls: bool
    metadata: tuple[tuple[str, str], ...] = field(repr=False)
    """What every call carries: the key, which no print shows."""


def endpoint(address: str | None, api_key: str | None) -> Endpoint:
    """Reads an address: `host:port` (plain text) or a URL, `https` for TLS.

    What is None comes from `THROUGHLINE_ADDRESS` and `THROUGHLINE_API_KEY`.
    Raises `ValueError` for another scheme.
    """
    where = address or os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS
    key = os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key
    url = urlsplit(where if "://" in where else f"http://{where}")
    if url.scheme not in ("http", "https"):
        raise ValueError(f"address must be host:port, http:// or https://, is {where!r}")
    tls = url.scheme == "https"
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    target = f"{host}:{url.port or (443 if tls else 80)}"
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    return Endpoint(target, tls, metadata)
