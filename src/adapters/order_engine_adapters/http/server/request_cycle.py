"""One request and its response: runs the application and sends what it answers."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import Protocol

from starlette.types import ASGIApp, Message, Scope
from uvicorn.server import ServerState

from order_engine_adapters.http.errors import INTERNAL
from order_engine_adapters.http.messages.responses import problem_response, send_response
from order_engine_adapters.http.server.request_body import BodySource, RequestBody
from order_engine_adapters.http.server.response_head import Field, ResponseHead

_logger = logging.getLogger("order_engine.http")


class CycleOwner(BodySource, Protocol):
    """The connection that a request came on."""

    server_state: ServerState
    """Its `default_headers` begin each response."""
    tasks: set[asyncio.Task[None]]
    """The running applications."""

    def drain(self) -> None:
        """Accept no further request: this response says `Connection: close`."""

    def response_complete(self, cycle: RequestCycle) -> None:
        """Continue with what follows this request."""

    def response_aborted(self) -> None:
        """Close: the response was started and cannot be completed."""


class ResponseState(Enum):
    """How far the response is."""

    NOT_STARTED = auto()
    HEAD_HELD = auto()
    """The head waits for the first part of the body. Nothing is sent: it can still become another response."""
    STARTED = auto()
    COMPLETE = auto()


NOT_STARTED, HEAD_HELD, STARTED, COMPLETE = ResponseState


class RequestCycle:
    """One request and its response.

    A response with a Content-Length holds its head until the first part of the body, and both leave in one write: each
    write is a system call that wakes the client. The head of any other response is sent at once.
    """

    __slots__ = (
        "_chunked", "_head", "_owner", "_remaining", "_with_body", "body", "disconnected", "keep_alive", "response",
        "scope", "streamed", "task",
    )  # fmt: skip

    def __init__(self, owner: CycleOwner, scope: Scope, *, keep_alive: bool, expects_continue: bool) -> None:
        """Start when the head of the request is parsed."""
        self._owner = owner
        self.scope: Scope = scope
        self.body: RequestBody = RequestBody(owner, expects_continue=expects_continue)
        self.keep_alive: bool = keep_alive
        """Whether the connection stays open after the response."""
        self.disconnected: bool = False
        """Whether nobody waits for the response any more."""
        self.response: ResponseState = NOT_STARTED
        self.streamed: bool = False
        """Whether the head of the response was sent before its body."""
        self.task: asyncio.Task[None] | None = None
        self._head = b""
        self._with_body = scope["method"] != "HEAD"
        self._chunked = False
        self._remaining: int | None = None

    def disconnect(self) -> None:
        """Tell the application that nobody waits for its response."""
        self.disconnected = True
        self.body.close()

    async def run(self, app: ASGIApp) -> None:
        """Run the application. If it fails or sends nothing, answer 500 or break the response off."""
        try:
            await self._run(app)
        finally:
            self._owner.tasks.discard(self.task)

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self.scope, self.body.receive, self.send)
        except Exception:
            if not self.disconnected:
                _logger.exception("%s %s failed", self.scope["method"], self.scope["path"])
        else:
            if self.response is NOT_STARTED and not self.disconnected:
                _logger.error("%s %s got no response", self.scope["method"], self.scope["path"])
        if self.response is COMPLETE or self.disconnected:
            return
        if self.response is STARTED:
            self._owner.response_aborted()
            return
        self.response = NOT_STARTED
        await send_response(self.send, problem_response(INTERNAL), with_body=self._with_body)

    async def send(self, message: Message) -> None:
        """Send a message of the application. Raises RuntimeError and ValueError for an invalid one."""
        flow = self._owner.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and self.response is NOT_STARTED:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and (self.response is HEAD_HELD or self.response is STARTED):
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            error = f"Unexpected ASGI message {kind!r}."
            raise RuntimeError(error)

    def _start(self, status: int, fields: list[Field]) -> None:
        head = ResponseHead(status, fields, self._owner.server_state.default_headers)
        body = self.body
        # A client that waits for 100 Continue may send the body or not: the start of its next request is unknown.
        may_keep_alive = self.keep_alive and not (body.expects_continue and not body.complete and not body.size)
        keep_alive = head.frame(self.scope["http_version"], with_body=self._with_body, keep_alive=may_keep_alive)
        content = head.content()
        if not keep_alive:
            self.keep_alive = False
            self._owner.drain()
        body.expects_continue = False
        self._chunked, self._remaining = head.chunked, head.length
        if head.length is None and self._with_body:
            self.streamed = True
            self.response = STARTED
            self._owner.output.write(content)
        else:
            self.response = HEAD_HELD
            self._head = content

    def _send_body(self, part: bytes, *, more: bool) -> None:
        if not self._with_body:
            part = b""
        elif self._chunked:
            part = _chunk(part, last=not more)
        elif self._remaining is not None:
            self._remaining -= len(part)
            if self._remaining < 0 or (self._remaining and not more):
                error = "The length of the response body differs from its Content-Length."
                raise RuntimeError(error)
        if self.response is HEAD_HELD:
            part = self._head + part
            self.response = STARTED
        if part:
            self._owner.output.write(part)
        if not more:
            self.response = COMPLETE
            self.body.close()
            self._owner.response_complete(self)


def _chunk(part: bytes, *, last: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
    return chunk + b"0\r\n\r\n" if last else chunk
