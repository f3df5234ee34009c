"""A client of event streams on a plain socket: it reads chunks by the letter (RFC 9112) and events by the standard."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.unit.http.event_source import EventParser

LIMIT_SECONDS = 60.0


class EventClient:
    """One stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read from an open connection."""
        self.parser = EventParser()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_ended = False
        self._reader = reader
        self._writer = writer

    async def ask(self, host: str, path: str, last_event_id: str | None) -> None:
        """Send the request, and read the head of the answer."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Accept: text/event-stream"]
        if last_event_id is not None:
            lines.append(f"Last-Event-ID: {last_event_id}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii").splitlines()
        self.status = int(head[0].split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}

    async def read(self) -> None:
        """Read one chunk. Raises OSError or EOFError where the connection breaks."""
        size = int(await self._reader.readline() or b"broken", 16)
        data = await self._reader.readexactly(size)
        assert await self._reader.readexactly(2) == b"\r\n"
        self.parser.feed(data)
        if size == 0:
            self.parser.end()
            self.has_ended = True

    async def until(self, reached: Callable[[EventParser], bool]) -> EventParser:
        """Read until something has come."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not reached(self.parser):
                assert not self.has_ended, "the stream has ended"
                await self.read()
        return self.parser

    async def events(self, number: int) -> EventParser:
        """Read until so many events have come."""
        return await self.until(lambda parser: len(parser.sent) >= number)

    async def to_the_end(self) -> EventParser:
        """Read until the service ends the stream, whole."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not self.has_ended:
                await self.read()
        return self.parser

    async def what_is_left(self) -> EventParser:
        """Read what had been sent before the service ended the stream or broke it off."""
        with suppress(OSError, EOFError, ValueError):
            await self.to_the_end()
        return self.parser


@asynccontextmanager
async def event_stream(
    address: str, path: str = "/events", last_event_id: str | None = None, *, receive_bytes: int | None = None
) -> AsyncIterator[EventClient]:
    """Follow a stream that has begun, with a buffer of the system's of about `receive_bytes`; leave without a word."""
    parts = urlsplit(address)
    connection = socket.socket()
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connection, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        client = EventClient(reader, writer)
        await client.ask(parts.netloc, path, last_event_id)
        if client.status == 200:
            await client.until(lambda parser: parser.retry is not None)
        yield client
    finally:
        writer.transport.abort()
        # The socket is closed by the loop, which a test may block from here on.
        with suppress(OSError):
            await writer.wait_closed()
