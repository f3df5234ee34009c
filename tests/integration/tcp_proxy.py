"""A TCP proxy that does to a connection what networks do: it delays, swallows, resets, closes, refuses, loses answers.

    async with TcpProxy(server_url) as proxy:
        ... use proxy.url ...
        proxy.swallow()

It belongs to one event loop, and is to be told what to do there.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

CHUNK: Final = 64 * 1024
END_SECONDS: Final = 10.0
RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)
"""The socket option that has a connection closed by RST."""
LONGEST_MARKER: Final = 256
COMMIT: Final = b"COMMIT\0"
"""A whole statement. Without its end it would be found in READ COMMITTED too."""
READY: Final = b"Z\x00\x00\x00\x05I"
"""With this a PostgreSQL server ends an answer when no transaction is open, so what it did is committed or undone."""


class _Loss(NamedTuple):
    marker: bytes
    is_delivered: bool


class TcpProxy:
    """Stands between clients and one server. At first everything passes."""

    def __init__(self, server_url: str) -> None:
        """Lead to the host and port of a URL."""
        self._target = urlsplit(server_url)
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self.port = 0
        self.delay_seconds = 0.0
        """Of every portion of bytes, in each direction."""
        self.bytes_per_second = inf
        """What all connections together may carry, in each direction."""
        self._free_at = {True: 0.0, False: 0.0}
        self.is_swallowing = False
        self.loss: _Loss | None = None
        self.is_committed: Callable[[], Awaitable[bool]] | None = None
        self.lost = asyncio.Event()
        """Set when the loss that was asked for has happened."""

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        await self.accept()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening and cut every connection."""
        await self.refuse()
        tasks = [link.task for link in self._links]
        self.reset_all()
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=END_SECONDS)
            assert not unfinished, "every connection that is reset ends"

    @property
    def url(self) -> str:
        """The server's URL by way of this proxy."""
        user, at, _ = self._target.netloc.rpartition("@")
        return urlunsplit(self._target._replace(netloc=f"{user}{at}127.0.0.1:{self.port}"))

    @property
    def connections(self) -> int:
        """How many clients' connections are open."""
        return len(self._links)

    def lead_to(self, server_url: str) -> None:
        """Lead new connections to another server; those that are open are reset."""
        self._target = urlsplit(server_url)
        self.reset_all()

    async def carry(self, size: int, *, is_request: bool) -> None:
        """Wait until the link has carried so many bytes, after everything that it was given before."""
        now = asyncio.get_running_loop().time()
        done = max(now, self._free_at[is_request]) + size / self.bytes_per_second
        self._free_at[is_request] = done
        await asyncio.sleep(done - now)

    def swallow(self) -> None:
        """Be a black hole: take whatever either side sends, connections included, and pass nothing on."""
        self.is_swallowing = True

    def heal(self) -> None:
        """Pass everything at once again. A connection of which something was swallowed stays silent for good."""
        self.is_swallowing = False
        self.delay_seconds = 0.0

    def reset_all(self) -> None:
        """Reset every connection on both sides, as RST does."""
        for link in list(self._links):
            link.reset()

    def close_all(self) -> None:
        """Close every connection on both sides in order, as FIN does."""
        for link in list(self._links):
            link.close()

    async def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
            # The loop takes the socket out of its selector in its next turn.
            await asyncio.sleep(0)

    async def accept(self) -> None:
        """Take new connections again, on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def lose_answer(self, marker: bytes) -> None:
        """Pass on the next request that holds `marker`, wait for its whole answer, and reset instead of passing it.

        A statement with its arguments is marked by any of them, such as an order's id; the end of a transaction of
        several statements by `COMMIT`.
        """
        self._expect(_Loss(marker, is_delivered=True))

    def lose_request(self, marker: bytes) -> None:
        """Reset the connection instead of forwarding the next request that contains `marker`."""
        self._expect(_Loss(marker, is_delivered=False))

    def lose_commit(self, is_committed: Callable[[], Awaitable[bool]]) -> None:
        """Reset instead of passing on the first answer that comes once `is_committed`.

        For calls of which nobody knows how many statements they are.
        """
        self.lost.clear()
        self.is_committed = is_committed

    def _expect(self, loss: _Loss) -> None:
        self.lost.clear()
        self.loss = loss

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        link = _Link(self, reader, writer, task)
        self._links.add(link)
        try:
            await link.run(self._target.hostname or "127.0.0.1", self._target.port or 5432)
        finally:
            await link.end()
            self._links.discard(link)


class _Link:
    """One client's connection, and the one to the server that stands for it."""

    def __init__(
        self, proxy: TcpProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[object]
    ) -> None:
        self.task = task
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]
        self._is_silent = False
        self._loses_answer = False

    async def run(self, host: str, port: int) -> None:
        if self._swallows():
            await self._until_broken(self._forward(self._reader, None))
            return
        try:
            from_server, to_server = await asyncio.open_connection(host, port)
        except OSError:
            # As the server does: it refused, and so the client's connection breaks.
            self.reset()
            return
        self._writers.append(to_server)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._until_broken(self._forward(self._reader, to_server)))
            group.create_task(self._until_broken(self._forward(from_server, self._writers[0])))

    def reset(self) -> None:
        for writer in self._writers:
            if (end := writer.get_extra_info("socket")) is not None:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    async def end(self) -> None:
        """Leave nothing open."""
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _swallows(self) -> bool:
        self._is_silent = self._is_silent or self._proxy.is_swallowing
        return self._is_silent

    async def _until_broken(self, forwarding: Coroutine[object, object, None]) -> None:
        try:
            await forwarding
        except OSError:
            if not self._swallows():
                self.reset()

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter | None) -> None:
        is_request = source is self._reader
        before = b""
        while chunk := await source.read(CHUNK):
            if self._proxy.delay_seconds:
                await asyncio.sleep(self._proxy.delay_seconds)
            if self._proxy.bytes_per_second < inf:
                await self._proxy.carry(len(chunk), is_request=is_request)
            if self._swallows() or sink is None:
                continue
            if is_request and self._loses_request(before, chunk):
                continue
            if not is_request and (self._loses_answer or await self._is_lost_commit(chunk)):
                self._after_lost(before + chunk)
            else:
                sink.write(chunk)
                await sink.drain()
            before = _last(LONGEST_MARKER, before + chunk)
        # Whoever ends a connection into a black hole, the other side does not learn of it.
        if not self._swallows() and sink is not None:
            sink.close()

    def _loses_request(self, before: bytes, chunk: bytes) -> bool:
        """Note a request that is to be lost, or whose answer is; return whether to keep it back."""
        loss = self._proxy.loss
        if loss is None or loss.marker not in _last(len(loss.marker) - 1, before) + chunk:
            return False
        self._proxy.loss = None
        if loss.is_delivered:
            self._loses_answer = True
            return False
        self._proxy.lost.set()
        self.reset()
        return True

    async def _is_lost_commit(self, answer: bytes) -> bool:
        is_committed = self._proxy.is_committed
        if is_committed is None or not answer.endswith(READY) or not await is_committed():
            return False
        self._proxy.is_committed = None
        return True

    def _after_lost(self, answer: bytes) -> None:
        if answer.endswith(READY):
            self._proxy.lost.set()
            self.reset()


def _last(length: int, text: bytes) -> bytes:
    return text[max(len(text) - length, 0) :]
