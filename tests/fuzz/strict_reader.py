"""A strict reading of HTTP/1.1 requests (RFC 9112), to compare a server with. It has nothing in common with one.

It is stricter than the grammar where the server documents so: no Transfer-Encoding but chunked, no fragment, no other
authority than a host with a port. It is lenient in two points: several spaces in the request line (section 3), and line
ends of any kind between requests (section 2.2 speaks of empty lines).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE: Final = re.compile(rb"(%s) +([!-~]+) +HTTP/(1\.[01])" % TOKEN)
FIELD: Final = re.compile(rb"(%s):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*" % TOKEN)
CHUNK: Final = re.compile(rb"0*([0-9A-Fa-f]{1,16})([ \t]*;[\t -~\x80-\xff]*)?")
HOST: Final = re.compile(
    rb"(?:\[[0-9A-Za-z\-._~!$&'()*+,;=:]+\]|(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)
TARGET: Final = re.compile(rb"(?:https?://([^/?#]+))?(/?[^#]*)", re.IGNORECASE)
LARGEST_LENGTH: Final = 2**64 - 1


@dataclass(frozen=True)
class Request:
    """One request whose head is complete."""

    method: bytes
    target: bytes
    version: bytes
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes
    complete: bool
    keep_alive: bool


@dataclass(frozen=True)
class Reading:
    """What a stream of bytes holds."""

    requests: Sequence[Request]
    malformed: bool
    """Whether what follows the last request, or its body, violates the RFC."""
    rest: bytes
    """What follows the last request: an incomplete head, or a malformed one."""


class Line(NamedTuple):
    """One line without its end, and where the next one begins."""

    text: bytes
    end: int


class Malformed(Exception):
    """The stream violates the RFC."""


class Incomplete(Exception):
    """The stream ends too early to tell more."""


def read(stream: bytes) -> Reading:
    """Read all requests up to one that closes the connection, is malformed or is incomplete."""
    requests: list[Request] = []
    place = 0
    while True:
        while stream[place : place + 1] in {b"\r", b"\n"}:
            place += 1
        try:
            request, place = _request(stream, place)
        except Malformed:
            return Reading(requests, malformed=True, rest=stream[place:])
        except Incomplete:
            return Reading(requests, malformed=False, rest=stream[place:])
        requests.append(request)
        if not request.complete:
            return Reading(requests, malformed=place < 0, rest=b"")
        if not request.keep_alive:
            return Reading(requests, malformed=False, rest=b"")


def _request(stream: bytes, place: int) -> tuple[Request, int]:
    """Return the request at this place and where it ends; -1 where its body is malformed."""
    line = _line(stream, place)
    parts = REQUEST_LINE.fullmatch(line.text)
    if parts is None:
        raise Malformed
    fields: list[tuple[bytes, bytes]] = []
    while (line := _line(stream, line.end)).text:
        field = FIELD.fullmatch(line.text)
        if field is None:
            raise Malformed
        fields.append((field[1].lower(), field[2]))
    method, target, version = parts.groups()
    _check(method, target, version, fields)
    body, complete, place = _body(stream, line.end, fields)
    return Request(method, target, version, fields, body, complete, _keep_alive(version, fields)), place


def _line(stream: bytes, place: int) -> Line:
    end = stream.find(b"\n", place)
    if end < 0:
        raise Incomplete
    if stream[end - 1 : end] != b"\r" or end == place:
        raise Malformed
    return Line(stream[place : end - 1], end + 1)


def _values(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for given, value in fields if given == name]


def _check(method: bytes, target: bytes, version: bytes, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """Check host, target and framing (sections 3.2, 6.1, 6.2 and 6.3)."""
    hosts, lengths = _values(fields, b"host"), _values(fields, b"content-length")
    encodings = _values(fields, b"transfer-encoding")
    parts = TARGET.fullmatch(target)
    is_asterisk = method == b"OPTIONS" and target == b"*"
    if (
        len(hosts) > 1
        or (version == b"1.1" and not hosts)
        or not all(HOST.fullmatch(host) for host in hosts)
        or len(lengths) > 1
        or not all(re.fullmatch(rb"[0-9]+", length) and int(length) <= LARGEST_LENGTH for length in lengths)
        or (encodings and ([each.lower() for each in encodings] != [b"chunked"] or lengths or version == b"1.0"))
        or parts is None
        or not (is_asterisk or parts[1] or target.startswith(b"/"))
        or (parts[1] and not HOST.fullmatch(parts[1]))
    ):
        raise Malformed


def _body(stream: bytes, place: int, fields: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, bool, int]:
    if _values(fields, b"transfer-encoding"):
        return _chunks(stream, place)
    length = int((_values(fields, b"content-length") or [b"0"])[0])
    body = stream[place : place + length]
    return body, len(body) == length, place + length


def _chunks(stream: bytes, place: int) -> tuple[bytes, bool, int]:
    """Read a body in chunks (section 7.1)."""
    body = b""
    try:
        while size := _chunk_size(line := _line(stream, place)):
            body += stream[line.end : line.end + size]
            place = _end_of_chunk(stream, line.end + size)
        place = _end_of_trailer(stream, line.end)
    except Incomplete:
        return body, False, place
    except Malformed:
        return body, False, -1
    return body, True, place


def _chunk_size(line: Line) -> int:
    chunk = CHUNK.fullmatch(line.text)
    if chunk is None:
        raise Malformed
    return int(chunk[1], 16)


def _end_of_chunk(stream: bytes, place: int) -> int:
    end = stream[place : place + 2]
    if end == b"\r\n":
        return place + 2
    raise Incomplete if b"\r\n".startswith(end) else Malformed


def _end_of_trailer(stream: bytes, place: int) -> int:
    while (line := _line(stream, place)).text:
        if not FIELD.fullmatch(line.text):
            raise Malformed
        place = line.end
    return line.end


def _keep_alive(version: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bool:
    options = {option.strip(b" \t").lower() for value in _values(fields, b"connection") for option in value.split(b",")}
    return b"close" not in options if version == b"1.1" else b"keep-alive" in options and b"close" not in options
