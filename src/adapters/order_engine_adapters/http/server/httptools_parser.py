"""The parsers of httptools: how they are made, and what their errors say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import httptools

from order_engine_adapters.http.errors import MalformedRequest


class ParserCallbacks(Protocol):
    """What httptools calls while it parses."""

    def on_message_begin(self) -> None:
        """Start a request."""

    def on_url(self, part: bytes) -> None:
        """Receive a part of the target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Receive a header or trailer field."""

    def on_headers_complete(self) -> None:
        """Receive the end of the head."""

    def on_body(self, part: bytes) -> None:
        """Receive a part of the body."""

    def on_message_complete(self) -> None:
        """Receive the end of the request."""


class AfterOwnHead:
    """Hides the first head from the callbacks: they made it up to parse a body."""

    def __init__(self, callbacks: ParserCallbacks) -> None:
        """Pass everything after the first head to `callbacks`."""
        self._callbacks = callbacks
        self._hidden = True
        self.on_body: Callable[[bytes], None] = callbacks.on_body
        self.on_message_complete: Callable[[], None] = callbacks.on_message_complete

    def on_message_begin(self) -> None:
        """Pass the start of a request on."""
        if not self._hidden:
            self._callbacks.on_message_begin()

    def on_url(self, part: bytes) -> None:
        """Pass a part of the target on."""
        if not self._hidden:
            self._callbacks.on_url(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Pass a field on."""
        if not self._hidden:
            self._callbacks.on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the end of a head on."""
        if not self._hidden:
            self._callbacks.on_headers_complete()
        self._hidden = False


def make_parser(callbacks: object) -> httptools.HttpRequestParser:
    """Return a parser that ignores what follows a request with Connection: close: it is no error of that request."""
    parser = httptools.HttpRequestParser(callbacks)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def is_known_method(method: bytes) -> bool:
    """Whether httptools parses requests with this method."""
    try:
        make_parser(None).feed_data(method + b" ")
    except httptools.HttpParserInvalidMethodError:
        return False
    return True


def request_error(error: httptools.HttpParserError) -> Exception:
    """Return the error that a callback raised, or one with the reason of httptools."""
    raised = error.__context__
    if isinstance(error, httptools.HttpParserCallbackError) and isinstance(raised, Exception):
        return raised
    message = f"Cannot parse the request: {error}." if str(error) else "Cannot parse the request."
    return MalformedRequest(message)
