"""What both clients are made of: whom they call, as whom, and how patiently."""

from __future__ import annotations

from throughline import channel
from throughline.attempts import Attempts
from throughline.methods import Method, Req, Resp
from throughline.retry import RetryPolicy

DEFAULT_TIMEOUT = 30.0
"""Seconds that a call may take, retries included."""


class Caller:
    """Settings of a client, and the attempts of its calls."""

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._endpoint = channel.endpoint(address, api_key)
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._open()

    def _open(self) -> None:
        """Opens what is not left to the first call."""

    def _begin(self, method: Method[Req, Resp], request: Req, timeout: float | None) -> Attempts:
        """A call is about to be made: its keys are drawn once, for all attempts."""
        if method.fill_keys is not None:
            method.fill_keys(request)
        whole = self._timeout if timeout is None else timeout
        return Attempts(self._retry, repeatable=method.repeatable, timeout=whole)
