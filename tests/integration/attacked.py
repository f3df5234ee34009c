"""The server on a socket in this process, for clients that send arbitrary bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp

from order_engine import OrderEngine
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.http import ConnectionLimits, create_app
from order_engine_adapters.http.server.server import Server, bound_socket
from order_engine_adapters.memory import MemoryQueue, MemoryRepository
from tests.integration.hostile_requests import head

PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Target:
    """The server under attack."""

    port: int

    async def send(self, request: bytes) -> Answer:
        """Send bytes on a new connection, and return the response."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                return await read_answer(reader)
            finally:
                writer.close()

    async def send_and_read_on(self, request: bytes) -> tuple[Answer, bytes]:
        """Send bytes; return the response, and everything after it until the connection closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                return await read_answer(reader), await reader.read()
            finally:
                writer.close()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Give an open connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                yield reader, writer
            finally:
                writer.transport.abort()

    async def total_orders(self) -> int:
        """Return the number of orders, from the metrics."""
        answer = await self.send(head("GET /metrics"))
        total: int = json.loads(answer.body)["total_orders"]
        return total


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one response."""
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    status_line, *lines = raw.removesuffix("\r\n\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(status_line.split(" ")[1]), headers, body)


@asynccontextmanager
async def attacked(*, limits: ConnectionLimits | None = None, app: ASGIApp | None = None) -> AsyncIterator[Target]:
    """Run the server with an engine in memory, or another application. At the end it has to stop in time."""
    clock = SystemClock()
    engine = OrderEngine(repository=MemoryRepository(clock), queue=MemoryQueue(), clock=clock, processor=None)
    bound = bound_socket("127.0.0.1", 0)
    async with engine:
        server = Server(app or create_app(engine), bound, limits=limits)
        await server.start()
        try:
            yield Target(bound.getsockname()[1])
        finally:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await server.stop()
