"""Responses as values: endpoints return them, resources send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.types import Send

from order_engine.wire import Problem

Header = tuple[bytes, bytes]

JSON: Final = (b"content-type", b"application/json")
PROBLEM: Final = (b"content-type", b"application/problem+json")
NEVER_STORED: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304
WITHOUT_BODY: Final = frozenset({NO_CONTENT, NOT_MODIFIED})
PART_BYTES: Final = 256 * 1024
"""Maximum size of one body message."""


class Response(NamedTuple):
    """A complete response. The content length is added when it is sent."""

    status: int
    headers: Sequence[Header]
    body: bytes


def json_response(text: str, *headers: Header, status: int = 200) -> Response:
    """Return a response with a JSON text."""
    return Response(status, (JSON, *NEVER_STORED, *headers), text.encode())


def problem_response(problem: Problem, *headers: Header) -> Response:
    """Return a response with a problem document (RFC 9457)."""
    if problem.retry_after is not None:
        headers = (*headers, (b"retry-after", b"%d" % problem.retry_after))
    return Response(problem.status, (PROBLEM, *NEVER_STORED, *headers), problem.json().encode())


async def send_response(send: Send, answer: Response, *, with_body: bool = True) -> None:
    """Send a complete response, without the body for HEAD."""
    headers = list(answer.headers)
    if answer.status not in WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = answer.body if with_body else b""
    # In parts, so that the connection of a slow client buffers one part instead of the whole body.
    start = 0
    while len(body) - start > PART_BYTES:
        await send({"type": "http.response.body", "body": body[start : start + PART_BYTES], "more_body": True})
        start += PART_BYTES
    await send({"type": "http.response.body", "body": body[start:] if start else body})
