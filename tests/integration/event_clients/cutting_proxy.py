"""A TCP proxy that cuts event streams: all connections at once, or each in the middle of what it is sent.

It belongs to one event loop, and is to be told what to do there.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

CHUNK: Final = 64 * 1024
END_SECONDS: Final = 20.0
RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)
"""The socket option that has a connection closed by RST."""
HEARTBEAT: Final = b"\r\n:\n"
"""The beginning of a chunk (RFC 9112, section 7.1) that begins with a heartbeat."""


class Link:
    """One client's connection to the service."""

    def __init__(self, writer: asyncio.StreamWriter, to_service: asyncio.StreamWriter) -> None:
        """Pass bytes on to a client."""
        self.writer = writer
        self._to_service = to_service
        self.heartbeats = 0
        self.marker: bytes | None = None
        """Behind this the connection is to be cut."""
        self._tail = b""

    def reset(self) -> None:
        """Break off both sides."""
        end: socket.socket = self.writer.get_extra_info("socket")
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        self.writer.transport.abort()
        self._to_service.transport.abort()

    def passed(self, chunk: bytes) -> bytes | None:
        """Return what a client gets of a chunk before its connection is cut; None where it is not cut."""
        text = self._tail + chunk
        kept = max(len(self.marker or b""), len(HEARTBEAT)) - 1
        self.heartbeats += text.count(HEARTBEAT)
        if self.marker is not None and (found := text.find(self.marker)) >= 0:
            return chunk[: found + len(self.marker) - len(self._tail)]
        self._tail = text[-kept:]
        return None


class CuttingProxy:
    """Stands between clients and a service. At first everything passes."""

    def __init__(self, service: str) -> None:
        """Lead to the address of a service."""
        self.service: str | None = service
        """Where new connections lead; None while they are closed without an answer."""
        self.links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and cut every connection."""
        assert self._server is not None
        self._server.close()
        tasks = set(self._tasks)
        self.reset_all()
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=END_SECONDS)
            assert not unfinished, "every connection that is reset ends"

    @property
    def address(self) -> str:
        """The URL that it answers at."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def reset_all(self) -> None:
        """Reset every connection, as RST does."""
        for link in self.links:
            link.reset()

    def cut_behind(self, marker: bytes) -> None:
        """Cut every connection that is open now once it has passed this on, which is to come in one event."""
        for link in self.links:
            link.marker = marker

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError):
                if self.service is not None:
                    await self._lead(self.service, reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _lead(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(service)
        from_service, to_service = await asyncio.open_connection(parts.hostname, parts.port)
        link = Link(writer, to_service)
        self.links.add(link)
        asking = asyncio.create_task(self._ask(reader, to_service))
        try:
            await self._answer(from_service, link)
        finally:
            self.links.discard(link)
            to_service.close()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, reader: asyncio.StreamReader, to_service: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                to_service.write(chunk)
                await to_service.drain()
        to_service.close()

    async def _answer(self, from_service: asyncio.StreamReader, link: Link) -> None:
        while chunk := await from_service.read(CHUNK):
            passed = link.passed(chunk)
            link.writer.write(chunk if passed is None else passed)
            await link.writer.drain()
            if passed is not None:
                return
