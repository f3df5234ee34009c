"""Requests that a page of another site has made a browser send: none of them changes anything.

A page may send a POST without a body anywhere and without asking first, and where no key is asked for, whoever reaches
the service may act. Whatever else a page sends, orders included, its browser asks first whether it may (Fetch, section
4.8), and is told of no other origin than those that were named. Only browsers say where a request comes from (Fetch
Metadata, section 2.1; Fetch, section 3.2), and no page can make them say otherwise. Programs say nothing of it, and are
let through.
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
"""The methods that change nothing here: what they are answered, a page of another origin cannot read anyway."""
OWN: Final = frozenset({b"same-origin", b"none"})
"""What browsers say of the service's own pages, and of what their user has typed. `same-site` is not among it: another
port of this machine is the same site, and so is another customer's name under the same domain."""
SAFELISTED: Final = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"})
"""The types of bodies that a page may send anywhere without asking first (Fetch, section 2.2.2)."""


class CrossSiteGuard:
    """Lets no page of another origin change anything, unless its origin was named."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        """Let pages of `origins` through to `app`, beside its own."""
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
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
        # An older browser, or a page that came over HTTP: of those a browser tells the origin alone.
        return bool(origins) and [_authority(origin) for origin in origins] != header_values(scope, b"host")


def _was_asked_for(scope: Scope) -> bool:
    """Whether a browser would have asked first, and gone on only where the answer named the origin."""
    types = header_values(scope, b"content-type")
    if types == [JSON_TYPE]:
        return True
    sent_by_forms = all(read_media_type(each).name in SAFELISTED for each in types)
    return not sent_by_forms or bool(header_values(scope, b"authorization"))


def _authority(origin: bytes) -> bytes:
    """Return the host of an origin, with its port where that is not the usual one: what a browser sends as `Host`."""
    return origin.partition(b"://")[2]
