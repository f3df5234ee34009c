"""The head of a response, as bytes."""

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
"""The characters of a field (RFC 9110, section 5.5): without them only the line ends of a head are left."""
MAX_NAMES: Final = 1000
"""Field names that are cached as valid: an application uses the same few for every response."""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode() for status in STATUSES}

_names: dict[bytes, bytes] = {}


class ResponseHead:
    """The head of one response: the framing of its body, whether it ends the connection, and its bytes."""

    __slots__ = ("_ends", "_lines", "chunked", "closes", "length")

    def __init__(self, status: int, fields: Iterable[Field], date: Iterable[Field]) -> None:
        """Read the fields. Raises ValueError for an invalid name or length."""
        self.length: int | None = None
        self.chunked: bool = False
        self.closes: bool = False
        self._lines = lines = [STATUS_LINES[status]]
        for name, value in date:
            lines += (name, b": ", value, b"\r\n")
        for given, value in fields:
            name = _names.get(given) or _checked_name(given)
            if name == b"content-length":
                self.length = int(value)
            elif name == b"transfer-encoding":
                # The server frames the body, not the application.
                continue
            elif name == b"connection":
                self.closes = self.closes or b"close" in value.lower()
                continue
            lines += (name, b": ", value, b"\r\n")
        if status in WITHOUT_BODY:
            self.length = 0
        self._ends = 2 + len(lines) // 4

    def frame(self, version: str, *, with_body: bool, keep_alive: bool) -> bool:
        """Choose the framing of the body; return whether the connection stays open after it."""
        if self.closes:
            keep_alive = False
        if self.length is None and with_body:
            if version == "1.0":
                # HTTP/1.0 has no chunks (RFC 9112, section 6.1): the body ends with the connection.
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
        """Return the head. Raises ValueError for a control character in a field: it could end the head early."""
        self._lines.append(b"\r\n")
        head = b"".join(self._lines)
        if head.translate(None, ALLOWED) != b"\r\n" * self._ends:
            message = "A response header field contains a control character."
            raise ValueError(message)
        return head

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._ends += 1


def closing_response(response: Response, date: Iterable[Field], *, with_body: bool) -> bytes:
    """Return a whole response with `Connection: close`."""
    head = ResponseHead(response.status, [*response.headers, (b"content-length", b"%d" % len(response.body))], date)
    head.frame("1.1", with_body=with_body, keep_alive=False)
    return head.content() + (response.body if with_body else b"")


def _checked_name(name: bytes) -> bytes:
    if not TOKEN.fullmatch(name):
        message = "A response header field has an invalid name."
        raise ValueError(message)
    lower = name.lower()
    if len(_names) < MAX_NAMES:
        _names[name] = lower
    return lower
