"""CORS (Fetch standard): allow pages of the configured origins to read responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_engine_adapters.http.access.cors_headers import READ_BY_PAGES, SENT_BY_PAGES
from order_engine_adapters.http.messages.requests import header_values
from order_engine_adapters.http.messages.responses import NEVER_STORED, NO_CONTENT, Header, Response, send_response

ALLOWED: Final[tuple[Header, ...]] = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", SENT_BY_PAGES),
    (b"access-control-max-age", b"600"),
)
"""Headers of a preflight response. Credentials are not allowed: a page sets its API key as a header."""
EXPOSED: Final[Header] = (b"access-control-expose-headers", READ_BY_PAGES)
VARY: Final = b"vary"
ORIGIN: Final = b"Origin"


class Cors:
    """ASGI middleware that answers preflight requests and marks responses that allowed origins may read."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        """Allow pages of `origins` to read the responses of `app`."""
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        given = header_values(scope, b"origin")
        origin = given[0] if len(given) == 1 and given[0] in self._origins else None
        if origin is not None and _is_preflight(scope):
            granted = (b"access-control-allow-origin", origin)
            answer = Response(NO_CONTENT, (granted, *ALLOWED, (VARY, ORIGIN), *NEVER_STORED), b"")
            return send_response(send, answer)
        return self._app(scope, receive, _adding_headers(send, origin))


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and bool(header_values(scope, b"access-control-request-method"))


def _adding_headers(send: Send, origin: bytes | None) -> Callable[[Message], Awaitable[None]]:
    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = _headers(message["headers"], origin)
        return send(message)

    return send_with_headers


def _headers(headers: Iterable[Header], origin: bytes | None) -> list[Header]:
    """Return the response headers with the CORS headers and a single `Vary` field, since caches read only one."""
    varying = [value for name, value in headers if name == VARY]
    kept = [header for header in headers if header[0] != VARY]
    granted = [] if origin is None else [(b"access-control-allow-origin", origin), EXPOSED]
    return [*kept, (VARY, b", ".join([*varying, ORIGIN])), *granted]
