"""One request and its answer, between the connection and the application."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.server import ServerState

from order_engine_adapters.http.errors import INTERNAL
from order_engine_adapters.http.messages.responses import problem_response, send_response
from order_engine_adapters.http.server.response_head import Field, ResponseHead

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_logger = logging.getLogger("order_engine.http")


class Connection(Protocol):
    """What an exchange asks of the connection that it is on."""

    flow: FlowControl
    server_state: ServerState
    """Of it the fields that each answer begins with."""
    tasks: set[asyncio.Task[None]]
    """The applications that are at work."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def want(self, exchange: Exchange) -> None:
        """Read on where it is this exchange that the next bytes belong to."""

    def answered(self, exchange: Exchange) -> None:
        """Go on with what comes after this exchange, whose answer is sent."""

    def broken_off(self) -> None:
        """Close: an answer was begun and will not be finished."""


class Exchange:
    """One request as the application sees it: what it receives and what it sends.

    An answer of one piece whose length is declared leaves in one write, since each is a system call that wakes the
    client: its head waits for its body. The head of any other does not wait for it.
    """

    __slots__ = (
        "_bytes", "_chunked", "_connection", "_end_told", "_head", "_left", "_parts", "_started", "_waits_for_continue",
        "_wake", "_with_body", "answered", "body_bytes", "chunked_body", "disconnected", "keep_alive", "more_body",
        "scope", "streamed", "task",
    )  # fmt: skip

    def __init__(self, connection: Connection, scope: Scope, *, keep_alive: bool, waits_for_continue: bool) -> None:
        """Begin when the head of the request is parsed."""
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        """Whether the connection is kept after the answer."""
        self.more_body = True
        """Whether more of the request is to come."""
        self.body_bytes = 0
        self.chunked_body = False
        self.disconnected = False
        self.answered = False
        self.streamed = False
        """Whether the head of the answer went before its body."""
        self.task: asyncio.Task[None] | None = None
        self._waits_for_continue = waits_for_continue
        self._parts: list[bytes] = []
        self._bytes = 0
        self._end_told = False
        self._wake: asyncio.Event | None = None
        self._started = False
        self._head = b""
        self._with_body = scope["method"] != "HEAD"
        self._chunked = False
        self._left: int | None = None

    # What the connection tells

    def feed(self, part: bytes) -> None:
        """Take a part of the body."""
        self._parts.append(part)
        self._bytes += len(part)
        self.body_bytes += len(part)
        if self._bytes > HIGH_WATER_LIMIT:
            self._connection.flow.pause_reading()
        self._wake_up()

    def feed_end(self) -> None:
        """Take note that the request is whole."""
        self.more_body = False
        self._wake_up()

    def disconnect(self) -> None:
        """Tell the application that nobody waits for its answer."""
        self.disconnected = True
        self._wake_up()

    @property
    def sent_something(self) -> bool:
        """Whether a part of the answer is on its way, so that it can become no other."""
        return self._started and not self._head

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()

    # What the application does

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer, and see to it that there is an answer."""
        try:
            await self._run(app)
        finally:
            self._connection.tasks.discard(self.task)

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            if not self.disconnected:
                _logger.exception("%s %s failed", self.scope["method"], self.scope["path"])
        else:
            if not (self._started or self.disconnected):
                _logger.error("%s %s was given no answer", self.scope["method"], self.scope["path"])
        if self.answered or self.disconnected:
            return
        if self.sent_something:
            self._connection.broken_off()
            return
        # A head that waits for its body has not been sent: it can still become another.
        self._started, self._head = False, b""
        await send_response(self.send, problem_response(INTERNAL), with_body=self._with_body)

    async def receive(self) -> Message:
        """Return the next part of the body; after the last one wait until the client goes or is answered."""
        if self._waits_for_continue:
            self._waits_for_continue = False
            if self.more_body and not self._bytes:
                self._connection.write(CONTINUE)
        while not (self.disconnected or self.answered or self._has_news()):
            self._connection.want(self)
            if self._wake is None:
                self._wake = asyncio.Event()
            self._wake.clear()
            await self._wake.wait()
        if self.disconnected or self.answered:
            return {"type": "http.disconnect"}
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts, self._bytes = [], 0
        self._end_told = not self.more_body
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _has_news(self) -> bool:
        return bool(self._parts) or not (self.more_body or self._end_told)

    async def send(self, message: Message) -> None:
        """Send the head of the answer, or a part of its body. Raises RuntimeError and ValueError for what is wrong."""
        flow = self._connection.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self._started:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self._started and not self.answered:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            error = f"{kind!r} is not what can be sent now."
            raise RuntimeError(error)

    def _start(self, status: int, fields: list[Field]) -> None:
        head = ResponseHead(status, fields, self._connection.server_state.default_headers)
        # Without having been told to go on, the client may send its body or not: nobody could say where it ends.
        may_be_kept = self.keep_alive and not (self._waits_for_continue and self.more_body and not self._bytes)
        self.keep_alive = head.frame(self.scope["http_version"], with_body=self._with_body, keep_alive=may_be_kept)
        content = head.content()
        self._started = True
        self._waits_for_continue = False
        self._chunked, self._left = head.chunked, head.length
        if head.length is None and self._with_body:
            self.streamed = True
            self._connection.write(content)
        else:
            self._head = content

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if not self._with_body:
            body = b""
        elif self._chunked:
            body = _chunks(body, last=not more)
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                error = "The body of the answer is not as long as its Content-Length says."
                raise RuntimeError(error)
        if self._head:
            body = self._head + body
            self._head = b""
        if body:
            self._connection.write(body)
        if not more:
            self.answered = True
            self._wake_up()
            self._connection.answered(self)


def _chunks(body: bytes, *, last: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n" if last else chunk
