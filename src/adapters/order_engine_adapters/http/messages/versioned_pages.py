"""Answers that change with the version of the program only: pages, their parts, and the OpenAPI document."""

from __future__ import annotations

from hashlib import sha256

from starlette.types import Scope

from order_engine_adapters.http.messages.conditional_requests import names_tag
from order_engine_adapters.http.messages.responses import NOT_MODIFIED, Header, Response

REVALIDATED = ((b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff"))
"""May be stored, and is asked for again every time: a new version of the program must not meet parts of the old one."""


def cached_answer(scope: Scope, media_type: bytes, body: bytes, *headers: Header) -> Response:
    """Return an answer with the tag of its bytes; 304 where `If-None-Match` names that. Raises InvalidHeader."""
    tag = b'"%s"' % sha256(body).hexdigest()[:32].encode()
    common = ((b"etag", tag), *REVALIDATED, *headers)
    if names_tag(scope, tag):
        return Response(NOT_MODIFIED, common, b"")
    return Response(200, ((b"content-type", media_type), *common), body)
