"""The latest events of all orders as they are sent, kept once for everybody who follows them."""

from __future__ import annotations

from collections import deque


class ReaderTooSlow(Exception):
    """What a reader has to read next is kept no longer."""


class EventLog:
    """Chunks by their position, the latest of them up to a limit: a reader costs no more than its position."""

    def __init__(self, most_bytes: int) -> None:
        """Keep chunks of `most_bytes` together, the latest one in any case."""
        self._most_bytes = most_bytes
        self._chunks: deque[bytes] = deque()
        self._first = 0
        self._bytes = 0

    @property
    def end(self) -> int:
        """The position of the next chunk."""
        return self._first + len(self._chunks)

    def append(self, chunk: bytes) -> None:
        """Add a chunk, and forget the oldest ones over the limit."""
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        while self._bytes > self._most_bytes and len(self._chunks) > 1:
            self._forget_oldest()

    def clear(self) -> None:
        """Forget all; positions go on."""
        while self._chunks:
            self._forget_oldest()

    def has_lost(self, position: int) -> bool:
        """Whether the chunk at a position was forgotten."""
        return position < self._first

    def at(self, position: int) -> bytes | None:
        """Return the chunk at a position, None at the end. Raises ReaderTooSlow."""
        if self.has_lost(position):
            raise ReaderTooSlow
        return self._chunks[position - self._first] if position < self.end else None

    def _forget_oldest(self) -> None:
        self._bytes -= len(self._chunks.popleft())
        self._first += 1
