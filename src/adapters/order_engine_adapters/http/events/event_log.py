"""The latest events of all orders as serialized chunks, shared by all streams."""

from __future__ import annotations

from collections import deque


class ReaderTooSlow(Exception):
    """The next chunk of a reader was already evicted."""


class EventLog:
    """The latest chunks by position, up to a size limit. A reader costs no more than its position."""

    def __init__(self, most_bytes: int) -> None:
        """Store chunks of up to `most_bytes` in total, and always the latest one."""
        self._most_bytes = most_bytes
        self._chunks: deque[bytes] = deque()
        self._first = 0
        self._bytes = 0

    @property
    def end(self) -> int:
        """The position of the next chunk."""
        return self._first + len(self._chunks)

    def append(self, chunk: bytes) -> None:
        """Add a chunk and evict the oldest ones over the limit."""
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        while self._bytes > self._most_bytes and len(self._chunks) > 1:
            self._forget_oldest()

    def clear(self) -> None:
        """Evict all chunks; positions continue."""
        while self._chunks:
            self._forget_oldest()

    def has_lost(self, position: int) -> bool:
        """Return whether the chunk at a position was evicted."""
        return position < self._first

    def at(self, position: int) -> bytes | None:
        """Return the chunk at a position, or None at the end. Raises ReaderTooSlow."""
        if self.has_lost(position):
            raise ReaderTooSlow
        return self._chunks[position - self._first] if position < self.end else None

    def _forget_oldest(self) -> None:
        self._bytes -= len(self._chunks.popleft())
        self._first += 1
