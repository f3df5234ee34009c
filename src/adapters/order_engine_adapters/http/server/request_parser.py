"""The requests on a connection: httptools parses them, and this checks what RFC 9112 requires beyond that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import httptools

from order_engine_adapters.http.errors import (
    HeaderTooLarge,
    MalformedRequest,
    RequestLineTooLong,
)
from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.httptools_parser import (
    AfterOwnHead,
    is_known_method,
    make_parser,
    request_error,
)
from order_engine_adapters.http.server.request_head import (
    check_host,
    check_transfer_encoding,
    check_version,
    split_target,
)
from order_engine_adapters.http.server.response_head import Field

AROUND_TARGET: Final = "  HTTP/1.1"
MAX_AROUND_TARGET: Final = 32
"""The same with the longest method that httptools knows."""
AROUND_FIELD: Final = len(":\r\n")
REQUEST_LINE: Final = re.compile(rb"(?:\r\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,24}) [!-~]+ HTTP/1\.[01]\r\n")
UNSERVED: Final = b"PUT"
"""A method that httptools knows and that no route has."""
FRAMING_PER_BYTE: Final = 16
"""Bytes of chunk framing that are allowed per byte of content; a chunk of one byte has five."""


class RequestHandler(Protocol):
    """Receives the parsed requests."""

    def request_started(self, head: RequestParser) -> None:
        """Receive a complete head; the parser keeps it until the next one begins."""

    def body_received(self, part: bytes) -> None:
        """Receive a part of the body of the last request."""

    def request_complete(self) -> None:
        """Receive the end of the last request."""


class RequestParser:
    """Parses the requests of one connection, one after the other."""

    def __init__(self, handler: RequestHandler, limits: ConnectionLimits) -> None:
        """Pass them to `handler`."""
        self._handler = handler
        self._limits = limits
        self._parser = make_parser(self)
        self.in_head: bool = False
        """Whether a head has begun and is incomplete."""
        self.method: str = ""
        """The method of the request, once its head is complete."""
        self.version: str = "1.1"
        self.path: str = ""
        self.raw_path: bytes = b""
        self.query: bytes = b""
        self.fields: list[Field] = []
        self.keep_alive: bool = True
        self.expects_continue: bool = False
        self._fed = 0
        self._begun = False
        self._first_bytes = 0
        """Bytes of the read in which the head began; it may hold more than the head."""
        self._head_bytes = 0
        """Bytes of further reads within the head."""
        self._body_bytes = 0
        self._framing_bytes = 0
        self._in_body = False
        self._upgrade = False
        self._body_after_upgrade = False
        self._unknown_method = b""
        """The method of the client, where httptools parses UNSERVED instead."""
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self.fields = []
        self._host: bytes | None = None
        self._length = b""
        self._chunked = False
        self._expects = False

    @property
    def is_head(self) -> bool:
        """Whether the request is a HEAD; also if its head is incomplete or malformed after the target."""
        return self.method == "HEAD" or (self.in_head and self._target != b"" and self._parser.get_method() == b"HEAD")

    def feed(self, data: bytes) -> None:
        """Parse bytes. Raises RequestRefused; after that nothing more can be parsed."""
        was_in_head, was_in_body, body_bytes = self.in_head, self._in_body, self._body_bytes
        self._fed, self._begun = len(data), False
        self._parse(data)
        if self._begun:
            # The data holds more than one head or body, to which these limits apply.
            return
        if was_in_head and self.in_head:
            self._check_growing_head()
        elif was_in_body and self._in_body and self._chunked:
            self._check_framing(self._fed - (self._body_bytes - body_bytes))

    def _parse(self, data: bytes) -> None:
        while data:
            is_at_start = not (self.in_head or self._in_body)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as pause:
                # Upgrades are ignored. llhttp takes the body for the new protocol, so another parser reads it.
                data = data[pause.args[0] :]
                if self._body_after_upgrade:
                    self._parse_body_after_upgrade()
            except httptools.HttpParserInvalidMethodError as error:
                data = self._with_known_method(data) if is_at_start else b""
                if not data:
                    raise request_error(error) from None
            except httptools.HttpParserError as error:
                raise request_error(error) from None
            else:
                return

    def close(self) -> None:
        """Break the reference cycles, so that the memory is freed without the garbage collector."""
        del self._parser, self._handler

    def _check_growing_head(self) -> None:
        self._head_bytes += self._fed
        if self._head_bytes > self._limits.header_bytes + self._limits.request_line_bytes:
            raise HeaderTooLarge(self._limits.header_bytes, self._limits.fields)

    def _check_framing(self, framing_bytes: int) -> None:
        """Refuse bodies that are mostly framing: chunk extensions and trailers are discarded, and cost time."""
        self._framing_bytes += framing_bytes
        if self._framing_bytes > self._limits.header_bytes + FRAMING_PER_BYTE * self._body_bytes:
            message = f"Chunk framing exceeds {FRAMING_PER_BYTE} bytes per byte of content. Send larger chunks."
            raise MalformedRequest(message)

    def _with_known_method(self, data: bytes) -> bytes:
        """Return the data with a method that httptools knows, for a new parser; empty if more is malformed.

        A method is any token (RFC 9110, section 9.1), but httptools knows only a list. The application refuses the
        others: it knows the allowed methods of the resource. httptools does not say where it stopped, so this works
        only for data that starts with a whole request line, outside a head or a body; any other is malformed.
        """
        line = REQUEST_LINE.match(data)
        if line is None or is_known_method(line[1]):
            return b""
        self._parser = make_parser(self)
        self._unknown_method = line[1]
        return data[: line.start(1)] + UNSERVED + data[line.end(1) :]

    def _parse_body_after_upgrade(self) -> None:
        framing = b"transfer-encoding: chunked" if self._chunked else b"content-length: " + self._length
        connection = b"keep-alive" if self.keep_alive else b"close"
        self._body_after_upgrade = False
        self._parser = make_parser(AfterOwnHead(self))
        self._parser.feed_data(b"POST / HTTP/1.1\r\nconnection: " + connection + b"\r\n" + framing + b"\r\n\r\n")

    # Called by httptools

    def on_message_begin(self) -> None:
        """Start a request."""
        self.in_head = self._begun = True
        self._first_bytes, self._head_bytes = self._fed, 0
        self._upgrade = False
        self.method = ""
        self._begin()

    def on_url(self, part: bytes) -> None:
        """Append a part of the target."""
        self._target += part
        most = self._limits.request_line_bytes
        if len(self._target) + MAX_AROUND_TARGET > most:
            self._check_request_line(most)

    def _check_request_line(self, most: int) -> None:
        if len(self._parser.get_method()) + len(AROUND_TARGET) + len(self._target) > most:
            raise RequestLineTooLong(most)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header field; discard trailer fields, which nothing here uses."""
        if not self.in_head:
            return
        name, value = name.lower(), value.rstrip(b" \t")
        read = FRAMING.get(name)
        if read is not None:
            read(self, value)
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head, and pass it on."""
        parser = self._parser
        self.in_head = False
        self.method = (self._unknown_method or parser.get_method()).decode("ascii")
        self._unknown_method = b""
        self._check_size()
        version = self.version = parser.get_http_version()
        check_version(version, has_host=self._host is not None, is_chunked=self._chunked)
        self.path, self.raw_path, self.query = split_target(self.method, self._target)
        self.keep_alive = parser.should_keep_alive()
        self.expects_continue = self._expects and version == "1.1"
        self._in_body, self._body_bytes, self._framing_bytes = True, 0, 0
        if self._upgrade and parser.should_upgrade():
            self._body_after_upgrade = self._chunked or self._length.strip(b"0") != b""
        self._handler.request_started(self)

    def _check_size(self) -> None:
        limits, fields = self._limits, self.fields
        if len(fields) > limits.fields or (
            self._first_bytes + self._head_bytes + self._fed > limits.header_bytes
            and sum(len(name) + len(value) + AROUND_FIELD for name, value in fields) > limits.header_bytes
        ):
            raise HeaderTooLarge(limits.header_bytes, limits.fields)

    def on_body(self, part: bytes) -> None:
        """Pass a part of the body on."""
        self._body_bytes += len(part)
        self._handler.body_received(part)

    def on_message_complete(self) -> None:
        """Pass the end of the request on."""
        if not self._body_after_upgrade:
            self._in_body = False
            self._handler.request_complete()

    # Header fields that concern the connection

    def _read_host(self, value: bytes) -> None:
        if self._host is not None:
            message = "Duplicate Host field (RFC 9112, section 3.2)."
            raise MalformedRequest(message)
        check_host(value)
        self._host = value

    def _read_length(self, value: bytes) -> None:
        self._length = value

    def _read_encoding(self, value: bytes) -> None:
        check_transfer_encoding(value)
        self._chunked = True

    def _read_expectation(self, value: bytes) -> None:
        self._expects = value.lower() == b"100-continue"

    def _read_upgrade(self, _: bytes) -> None:
        self._upgrade = True


FRAMING: Final[Mapping[bytes, Callable[[RequestParser, bytes], None]]] = {
    b"host": RequestParser._read_host,  # noqa: SLF001 - its own table
    b"content-length": RequestParser._read_length,  # noqa: SLF001 - likewise
    b"transfer-encoding": RequestParser._read_encoding,  # noqa: SLF001 - likewise
    b"expect": RequestParser._read_expectation,  # noqa: SLF001 - likewise
    b"upgrade": RequestParser._read_upgrade,  # noqa: SLF001 - likewise
}
