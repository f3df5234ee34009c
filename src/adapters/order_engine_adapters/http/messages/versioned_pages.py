"""Responses that change only with the program version: pages, assets and the OpenAPI document."""

from __future__ import annotations

from hashlib import sha256

from starlette.types import Scope

from order_engine_adapters.http.messages.conditional_requests import names_tag
from order_engine_adapters.http.messages.responses import NOT_MODIFIED, Header, Response

REVALIDATED = ((b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff"))
"""Caches must revalidate: a new program version must not be combined with assets of an old one."""


def cached_answer(scope: Scope, media_type: bytes, body: bytes, *headers: Header) -> Response:
    """Return a response with an ETag of its bytes, or 304 if `If-None-Match` matches. Raises InvalidHeader."""
    tag = b'"%s"' % sha256(body).hexdigest()[:32].encode()
    common = ((b"etag", tag), *REVALIDATED, *headers)
    if names_tag(scope, tag):
        return Response(NOT_MODIFIED, common, b"")
    return Response(200, ((b"content-type", media_type), *common), body)
