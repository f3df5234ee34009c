"""The head of an answer, as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from order_engine_adapters.http.messages.responses import WITHOUT_BODY, Response

Field = tuple[bytes, bytes]

LOWEST_STATUS: Final = 200
STATUSES: Final = range(LOWEST_STATUS, 600)
DELETE: Final = 0x7F
TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
ALLOWED: Final = bytes(code for code in range(256) if code == ord("\t") or (code >= ord(" ") and code != DELETE))
"""What a field may hold (RFC 9110, section 5.5): deleting it from a head leaves the ends of its lines."""
MOST_NAMES: Final = 1000
"""How many names of fields are kept as checked: an application uses a few, again and again."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode() for status in STATUSES}

_names: dict[bytes, bytes] = {}


class ResponseHead:
    """The head of one answer: what its fields say about its body and its connection, and its bytes."""

    __slots__ = ("_ends", "_lines", "chunked", "closes", "length")

    def __init__(self, status: int, fields: Iterable[Field], date: Iterable[Field]) -> None:
        """Read the fields. Raises ValueError for those that cannot be sent."""
        self.length: int | None = None
        self.chunked = False
        self.closes = False
        self._lines = lines = [STATUS_LINES[status]]
        for name, value in date:
            lines += (name, b": ", value, b"\r\n")
        for given, value in fields:
            name = _names.get(given) or _checked_name(given)
            if name == b"content-length":
                self.length = int(value)
            elif name == b"transfer-encoding":
                # How the body is framed is not for the application to say.
                continue
            elif name == b"connection":
                self.closes = self.closes or b"close" in value.lower()
                continue
            lines += (name, b": ", value, b"\r\n")
        if status in WITHOUT_BODY:
            self.length = 0
        self._ends = 2 + len(lines) // 4

    def frame(self, version: str, *, with_body: bool, keep_alive: bool) -> bool:
        """Decide how the body ends; return whether the connection can be kept after it."""
        if self.closes:
            keep_alive = False
        if self.length is None and with_body:
            if version == "1.0":
                # Chunks are not known there (RFC 9112, section 6.1): such a body ends with its connection.
                keep_alive = False
            else:
                self.chunked = True
                self._add(b"transfer-encoding: chunked\r\n")
        if not keep_alive:
            self._add(b"connection: close\r\n")
        elif version == "1.0":
            self._add(b"connection: keep-alive\r\n")
        return keep_alive

    def content(self) -> bytes:
        """Return the head. Raises ValueError where a field holds what would end it early."""
        self._lines.append(b"\r\n")
        head = b"".join(self._lines)
        if head.translate(None, ALLOWED) != b"\r\n" * self._ends:
            message = "A header field of the answer holds a control character."
            raise ValueError(message)
        return head

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._ends += 1


def last_answer(answer: Response, date: Iterable[Field], *, with_body: bool) -> bytes:
    """Return an answer after which the connection is closed."""
    head = ResponseHead(answer.status, [*answer.headers, (b"content-length", b"%d" % len(answer.body))], date)
    head.frame("1.1", with_body=with_body, keep_alive=False)
    return head.content() + (answer.body if with_body else b"")


def _checked_name(name: bytes) -> bytes:
    if not TOKEN.fullmatch(name):
        message = "A header field of the answer has no valid name."
        raise ValueError(message)
    lower = name.lower()
    if len(_names) < MOST_NAMES:
        _names[name] = lower
    return lower
