"""A connection below ASGI, on a transport without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.server import ServerState

from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection import HttpConnection
from order_engine_adapters.http.server.connection_state import ConnectionState
from order_engine_adapters.http.server.open_connections import OpenConnections

DATE = (b"date", b"Sun, 22 Nov 2026 19:00:00 GMT")
GET = b"GET /orders/x%20y?limit=1 HTTP/1.1\r\nHost: shop\r\nX-Y: z \r\n\r\n"
PLAIN = [(b"content-length", b"2")]


class Wire(asyncio.Transport):
    """Records each write."""

    def __init__(self) -> None:
        """Start open."""
        super().__init__()
        self.writes: list[bytes] = []
        self.reading = True
        self.ended = ""
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Record it."""
        self.writes.append(bytes(data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        """Return two addresses."""
        return {"peername": ("192.0.2.1", 4711), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        """Return what the test sets; 0 unless it does."""
        return self.unsent

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Record it."""
        self.ended = "eof"

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.ended in {"closed", "aborted"}

    def close(self) -> None:
        """Record it."""
        self.ended = "closed"

    def abort(self) -> None:
        """Record it."""
        self.ended = "aborted"

    def pause_reading(self) -> None:
        """Record it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Record it."""
        self.reading = True


class RecordedConnection(HttpConnection):
    """Records its states."""

    def __setattr__(self, name: str, value: object) -> None:
        """Append each state."""
        if name == "state":
            self.__dict__.setdefault("states", []).append(value)
        super().__setattr__(name, value)


class Line:
    """A connection to an application."""

    def __init__(self, app: ASGIApp, peers: OpenConnections | None = None) -> None:
        """Connect."""
        config = uvicorn.Config(app, ws="none", lifespan="off", interface="asgi3", log_config=None)
        state = ServerState()
        state.default_headers = [DATE]
        self.wire = Wire()
        self.tasks = state.tasks
        self.protocol = RecordedConnection(
            peers or OpenConnections(ConnectionLimits()), config, state, {}, asyncio.get_running_loop()
        )
        self.protocol.connection_made(self.wire)

    @property
    def states(self) -> list[ConnectionState]:
        """The states so far, the current one last."""
        states: list[ConnectionState] = self.protocol.__dict__["states"]
        return states

    async def send(self, data: bytes) -> None:
        """Send bytes, and run the application as far as it can go."""
        self.protocol.data_received(data)
        await self.settle()

    async def settle(self) -> None:
        """Run the application as far as it can go."""
        for _ in range(20):
            await asyncio.sleep(0)


@asynccontextmanager
async def connected(app: ASGIApp, peers: OpenConnections | None = None) -> AsyncIterator[Line]:
    """Give a connection. At the end, check that no application runs."""
    line = Line(app, peers)
    yield line
    line.protocol.connection_lost(None)
    await line.settle()
    assert not line.tasks


def start(status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Message:
    """Return the message that starts a response."""
    return {"type": "http.response.start", "status": status, "headers": headers or []}


def body(part: bytes, *, more: bool = False) -> Message:
    """Return a message with a part of the body."""
    return {"type": "http.response.body", "body": part, "more_body": more}


def saying(*messages: Message) -> ASGIApp:
    """Return an application that sends these messages."""

    async def app(_: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the signature of ASGI
        for message in messages:
            await send(message)

    return app
