"""Protection against cross-site request forgery.

A page of any site may send a POST without a body and without a preflight request. If no API key is required, such a
request would be accepted. For every other request, orders included, the browser sends a preflight request first (Fetch,
section 4.8), and only the configured origins pass it. The origin of a request comes from headers that only browsers set
and that pages cannot change (Fetch Metadata, section 2.1; Fetch, section 3.2). Other clients do not send these headers
and are allowed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from order_engine_adapters.http.errors import CrossSiteRequest
from order_engine_adapters.http.messages.media_type import JSON_TYPE, read_media_type
from order_engine_adapters.http.messages.requests import header_values
from order_engine_adapters.http.messages.resource import refusal
from order_engine_adapters.http.messages.responses import send_response

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods without side effects. A page of another origin cannot read their responses."""
OWN: Final = frozenset({b"same-origin", b"none"})
"""Values of `Sec-Fetch-Site` for the service's own pages and for addresses that the user typed. `same-site` is not
included: another port of this machine, or another customer under the same domain, is the same site."""
SAFELISTED: Final = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"})
"""Content types that a page may send without a preflight request (Fetch, section 2.2.2)."""


class CrossSiteGuard:
    """ASGI middleware that refuses requests with side effects from pages of other origins."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        """Allow pages of `origins`, in addition to the service's own pages."""
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        if (
            scope["type"] == "http"
            and scope["method"] not in SAFE
            and not _was_asked_for(scope)
            and self._comes_from_elsewhere(scope)
        ):
            return send_response(send, refusal(CrossSiteRequest(), scope))
        return self._app(scope, receive, send)

    def _comes_from_elsewhere(self, scope: Scope) -> bool:
        origins = header_values(scope, b"origin")
        if len(origins) == 1 and origins[0] in self._origins:
            return False
        if sites := header_values(scope, b"sec-fetch-site"):
            return not OWN.issuperset(sites)
        # Older browsers, and pages loaded over HTTP, send only the origin.
        return bool(origins) and [_authority(origin) for origin in origins] != header_values(scope, b"host")


def _was_asked_for(scope: Scope) -> bool:
    """Return whether a browser would have sent a preflight request first."""
    types = header_values(scope, b"content-type")
    if types == [JSON_TYPE]:
        return True
    sent_by_forms = all(read_media_type(each).name in SAFELISTED for each in types)
    return not sent_by_forms or bool(header_values(scope, b"authorization"))


def _authority(origin: bytes) -> bytes:
    """Return the host of an origin, with its port unless it is the default: the value of `Host`."""
    return origin.partition(b"://")[2]
