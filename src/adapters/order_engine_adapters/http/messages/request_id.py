"""Request ids and trace ids."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from random import Random
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_engine.domain.content.tracing import read_trace_parent, trace_id_of
from order_engine_adapters.http.messages.requests import header_values

REQUEST_ID: Final = "order_engine.request_id"
"""Scope entry with the request id."""
SAFE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~:@/+=-]{1,128}")
"""Contains no character with a meaning in logs, shells or HTML."""


class RequestIdMaker:
    """Assigns request ids: the client's id if it is safe, else a generated one."""

    def __init__(self, random: Random) -> None:
        """Generate ids from a random prefix, which differs between processes, and a counter."""
        self._beginning = b"%016x-" % random.getrandbits(64)
        self._numbers = count(1)

    def id_for(self, given: Sequence[bytes]) -> bytes:
        """Return the id of a request whose `X-Request-ID` fields have these values."""
        if len(given) == 1 and SAFE_REQUEST_ID.fullmatch(given[0]):
            return given[0]
        return self._beginning + b"%x" % next(self._numbers)


class RequestIds:
    """ASGI middleware that adds the request id to every response.

    It runs for every request, so it creates no object and no coroutine: it changes the response head as it is sent.
    """

    def __init__(self, app: ASGIApp, random: Random) -> None:
        """Answer by `app`; `random` is where the ids begin."""
        self._app = app
        self._ids = RequestIdMaker(random)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        request_id = scope[REQUEST_ID] = self._ids.id_for(header_values(scope, b"x-request-id"))
        return self._app(scope, receive, _naming(send, (b"x-request-id", request_id)))


def request_id(scope: Scope) -> str | None:
    """Return the id of a request, or None outside this application."""
    given: bytes | None = scope.get(REQUEST_ID)
    return None if given is None else given.decode("ascii")


def trace_id(scope: Scope) -> str | None:
    """Return the trace id of a request, or None if `traceparent` is absent or invalid."""
    parent = trace_parent(scope)
    return None if parent is None else trace_id_of(parent)


def trace_parent(scope: Scope) -> str | None:
    """Return the `traceparent` of a request in version 00, or None if it is absent or invalid.

    An invalid one is ignored, so a new trace starts (W3C Trace Context, section 3.2).
    """
    given = header_values(scope, b"traceparent")
    return read_trace_parent(given[0].decode("latin-1")) if len(given) == 1 else None


def _naming(send: Send, header: tuple[bytes, bytes]) -> Callable[[Message], Awaitable[None]]:
    def named(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], header]
        return send(message)

    return named
