"""A strict reading of HTTP/1.1 responses, one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t -~]*")
FIELD: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9a-z]+): ([\t -~]*)")
WITHOUT_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True)
class Response:
    """One response."""

    status: int
    fields: Mapping[bytes, bytes]
    body: bytes
    complete: bool
    """Whether it is known to be complete: a body that ends with its connection never is."""


def read(stream: bytes, is_head: Callable[[int], bool | None]) -> Iterator[Response]:
    """Yield the responses. `is_head` says whether the request of this number is a HEAD; None: it is malformed.

    Raises AssertionError for anything but responses.
    """
    number = 0
    while stream:
        head, blank_line, stream = stream.partition(b"\r\n\r\n")
        assert blank_line, f"incomplete head of a response: {head!r}"
        line, *lines = head.split(b"\r\n")
        status_line = STATUS_LINE.fullmatch(line)
        assert status_line, f"malformed status line: {line!r}"
        found = [FIELD.fullmatch(each) for each in lines]
        fields = {field[1]: field[2] for field in found if field}
        assert len(fields) == len(lines), f"malformed or repeated field: {lines!r}"
        status = int(status_line[1])
        body, complete = b"", True
        without_body = (
            status < 200 or status in WITHOUT_BODY or is_head(number) or (is_head(number) is None and not stream)
        )
        if not without_body:
            body, complete, stream = _body(fields, stream)
        yield Response(status, fields, body, complete)
        number += status >= 200


def _body(fields: Mapping[bytes, bytes], stream: bytes) -> tuple[bytes, bool, bytes]:
    if b"content-length" in fields:
        length = int(fields[b"content-length"])
        return stream[:length], len(stream) >= length, stream[length:]
    if b"transfer-encoding" not in fields:
        assert fields.get(b"connection") == b"close", "a body without an end"
        return stream, False, b""
    body = b""
    while True:
        line, line_end, stream = stream.partition(b"\r\n")
        if not line_end:
            return body, False, b""
        size = int(line, 16)
        body += stream[:size]
        assert stream[size : size + 2] == b"\r\n", "malformed chunk of a response"
        stream = stream[size + 2 :]
        if not size:
            return body, True, stream
