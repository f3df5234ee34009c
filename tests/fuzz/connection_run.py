"""Drives one connection through bytes that a fuzzer made up, and checks what has to hold whatever they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.types import Receive, Scope, Send

from order_engine_adapters.http import ConnectionLimits
from order_engine_adapters.http.server import connection
from order_engine_adapters.http.server.connection_state import IGNORES_INPUT, ConnectionState
from order_engine_adapters.http.server.open_connections import OpenConnections
from tests.fuzz import oracles
from tests.unit.http.line import Line, Wire

LIMITS: Final = ConnectionLimits(
    request_line_bytes=256, header_bytes=300, fields=8, head_seconds=5, silence_seconds=10, keep_alive_seconds=20
)
MAX_PIPELINED: Final = 5
MAX_DISCARDED_BYTES: Final = 400
PAUSES: Final = (0.25, 5.0, 10.0, 20.0)
MODES: Final = ("read", "at once", "read", "wait", "stream", "fail", "break off", "close", "wait", "no body", "listen")
"""What the application does with a request; the most usual ones twice."""
TURNS: Final = 4
"""Iterations of the event loop after which an application that can go on has done so."""


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time the test turns."""

    now = 0.0

    def time(self) -> float:
        """Return the time that was set."""
        return self.now


@dataclass
class Heard:
    """One request as the application received it."""

    scope: Scope
    mode: str
    body: bytes = b""
    complete: bool = False
    disconnected: bool = False


class Client:
    """Sends the bytes of one input as its script says: each byte of the script is a step."""

    def __init__(self, data: bytes, loop: ManualLoop) -> None:
        """Read the input: a byte for the application, the length of the script, the script, and what is sent."""
        self.loop = loop
        config, size = (data + b"\0\0")[:2]
        self.script = data[2 : 2 + size % 32]
        self.stream = data[2 + len(self.script) :]
        self.sent = 0
        self.ended = False
        self.stopped = False
        self.stalled = False
        self.heard: list[Heard] = []
        self.released = asyncio.Event()
        self.problems: list[str] = []
        self._discarded = 0
        self._config = config
        self._lost = False
        connection.MAX_PIPELINED = MAX_PIPELINED  # type: ignore[misc]
        connection.MAX_DISCARDED_BYTES = MAX_DISCARDED_BYTES  # type: ignore[misc]
        loop.set_exception_handler(lambda _, context: self.problems.append(repr(context)))
        self.line = Line(self._app, OpenConnections(LIMITS))
        self.wire: Wire = self.line.wire
        self.protocol = self.line.protocol

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        index = len(self.heard)
        heard = Heard(scope, MODES[(self._config + index * (1 + self._config // 16)) % len(MODES)])
        self.heard.append(heard)
        if heard.mode in {"read", "wait", "stream", "listen"}:
            await self._read(heard, receive)
        if heard.mode == "wait":
            await self.released.wait()
        if heard.mode == "fail":
            raise oracles.Planned
        await _respond(index, heard, receive, send)

    async def _read(self, heard: Heard, receive: Receive) -> None:
        while not (heard.complete or heard.disconnected):
            message = await receive()
            heard.disconnected = message["type"] == "http.disconnect"
            heard.body += message.get("body", b"")
            heard.complete = not (heard.disconnected or message["more_body"])

    @property
    def is_open(self) -> bool:
        """Whether the client could still send."""
        return not (self.ended or self._lost or self.wire.is_closing())

    def send(self, size: int) -> None:
        """Deliver the next bytes, as far as the server reads."""
        part = self.stream[self.sent : self.sent + size]
        if not part or not self.is_open or not self.wire.reading:
            return
        state = self.protocol.state
        self.sent += len(part)
        self.protocol.data_received(part)
        ignores = state in IGNORES_INPUT or (state is ConnectionState.DISCARDING and self.protocol.state is state)
        self._discarded = self._discarded + len(part) if ignores else 0
        if self._discarded > MAX_DISCARDED_BYTES:
            assert self.wire.ended == "aborted", "more is discarded than the limit"

    async def settle(self) -> None:
        """Let the application go on, and the transport close."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if not self._lost and (self.wire.ended == "aborted" or (self.wire.is_closing() and not self.stalled)):
                self._lost = True
                self.protocol.connection_lost(None)

    async def pause(self, seconds: float) -> None:
        """Turn the clock, in steps in which the deadlines are checked."""
        until = self.loop.now + seconds
        while self.loop.now < until:
            self.loop.now = min(until, self.loop.now + max(0.25, seconds / 8))
            await asyncio.sleep(0)
        await self.settle()

    async def step(self, code: int) -> None:
        """Do what one byte of the script says."""
        kind, size = code & 7, (code >> 3) + 1
        if kind == 0:
            self.send(size)
        elif kind == 1:
            self.send(size * 16)
        elif kind == 2:
            self.send(self._up_to(b"\r\n", size % 4))
        elif kind == 3:
            self.send(self._up_to(b"\r\n\r\n", 0))
        elif kind == 4:
            await self.settle()
        elif kind == 5:
            await self.pause(PAUSES[size % 4])
        elif kind == 6:
            self._stall(stalled=not self.stalled)
        else:
            self._end(size)
        assert len(self.protocol._pipeline) <= MAX_PIPELINED, "too many requests wait"  # noqa: SLF001 - nothing else shows it

    def _up_to(self, mark: bytes, more: int) -> int:
        place = self.stream.find(mark, self.sent)
        return (place if place >= 0 else len(self.stream)) + len(mark) + more - self.sent

    def _stall(self, *, stalled: bool) -> None:
        """Stop to read responses, or read on."""
        if stalled == self.stalled or self._lost:
            return
        self.stalled = stalled
        self.wire.unsent = 1000 if stalled else 0
        if stalled:
            self.protocol.pause_writing()
        else:
            self.protocol.resume_writing()

    def _end(self, size: int) -> None:
        """Release the application; rarely end the client's side, or stop the server."""
        if size == 31 and self.is_open:
            self.ended = True
            if not self.protocol.eof_received():
                self.wire.close()
        elif size == 30 and not self._lost:
            self.stopped = True
            self.protocol.shutdown()
        else:
            self.released.set()

    async def run(self) -> None:
        """Do all steps, send what is left, and let every deadline pass."""
        for code in self.script:
            await self.step(code)
        self.released.set()
        self._stall(stalled=False)
        await self.settle()
        while self.is_open and self.sent < len(self.stream):
            before = self.sent
            self.send(4096)
            await self.settle()
            if self.sent == before:
                break
        oracles.check_requests(self)
        for _ in range(3):
            await self.pause(max(PAUSES) + 1)
        # An application that waits for a body, or for its client to leave, has its own time limit.
        assert self._lost or self.line.tasks, f"still open at the end: {self.protocol.state}"
        if not self._lost:
            self._lost = True
            self.protocol.connection_lost(None)
        await self.settle()
        assert not self.line.tasks, "an application runs on"
        oracles.check_responses(self)


async def _respond(index: int, heard: Heard, receive: Receive, send: Send) -> None:
    fields = [(b"x-number", b"%d" % index)]
    if heard.mode == "no body":
        await send({"type": "http.response.start", "status": 204, "headers": fields})
        await send({"type": "http.response.body"})
        return
    if heard.mode == "close":
        fields.append((b"connection", b"close"))
    if heard.mode in {"stream", "break off", "listen"}:
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        if heard.mode == "listen":
            await receive()
            heard.disconnected = True
        if heard.mode == "break off":
            raise oracles.Planned
        await send({"type": "http.response.body", "body": b"two"})
        return
    fields.append((b"content-length", b"2"))
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def runner() -> Iterator[Callable[[bytes], Client]]:
    """Give a function that drives one connection, on a loop that all of them share. It raises AssertionError."""
    loop = ManualLoop()
    try:
        yield partial(_run, loop)
    finally:
        loop.close()


def _run(loop: ManualLoop, data: bytes) -> Client:
    async def drive() -> Client:
        client = Client(data, loop)
        await client.run()
        assert not client.problems, client.problems
        return client

    return loop.run_until_complete(drive())
