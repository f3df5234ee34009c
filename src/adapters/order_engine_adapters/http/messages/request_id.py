"""The names by which one request is known to its client, to this service and to what is behind it."""

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
"""Where the id of a request is in its scope."""
SAFE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~:@/+=-]{1,128}")
"""Nothing in it means anything to a log, a shell or a page."""


class RequestIdMaker:
    """Gives a request its id: the client's own where that is safe, else one that is made here."""

    def __init__(self, random: Random) -> None:
        """Make ids of a beginning by chance, which tells processes apart, and a number."""
        self._beginning = b"%016x-" % random.getrandbits(64)
        self._numbers = count(1)

    def id_for(self, given: Sequence[bytes]) -> bytes:
        """Return the id of a request whose `X-Request-ID` fields have these values."""
        if len(given) == 1 and SAFE_REQUEST_ID.fullmatch(given[0]):
            return given[0]
        return self._beginning + b"%x" % next(self._numbers)


class RequestIds:
    """Gives every answer the id of its request.

    It costs every request, so there is no object for it and no further coroutine: the answer's head is changed on its
    way out.
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
    """Return the id of a request; None outside of an application that gives them."""
    given: bytes | None = scope.get(REQUEST_ID)
    return None if given is None else given.decode("ascii")


def trace_id(scope: Scope) -> str | None:
    """Return the id of the trace that a request belongs to; None where its `traceparent` is absent or not valid."""
    parent = trace_parent(scope)
    return None if parent is None else trace_id_of(parent)


def trace_parent(scope: Scope) -> str | None:
    """Return the `traceparent` of a request, in version 00; None where it is absent or not valid.

    One that is not valid is passed over: the trace begins anew, and the request is answered as without it (W3C Trace
    Context, section 3.2).
    """
    given = header_values(scope, b"traceparent")
    return read_trace_parent(given[0].decode("latin-1")) if len(given) == 1 else None


def _naming(send: Send, header: tuple[bytes, bytes]) -> Callable[[Message], Awaitable[None]]:
    def named(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], header]
        return send(message)

    return named
