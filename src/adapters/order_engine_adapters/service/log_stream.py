"""A log stream that never blocks."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from contextlib import suppress
from io import UnsupportedOperation
from typing import Final, TextIO

CHUNK_BYTES: Final = 512
"""Bytes that a writable pipe accepts without blocking on every system (POSIX: PIPE_BUF)."""
MAX_BYTES: Final = 1024 * 1024
"""Maximum buffered bytes for a slow reader. Further lines are dropped and counted."""
LAST_WAIT_MILLISECONDS: Final = 200


class LogStream:
    """A non-blocking text stream, such as standard error.

    A full pipe would block the event loop, and with it the service.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._poll = _poll(stream)

    def write(self, text: str) -> None:
        """Write a text now, or later if the reader is slow."""
        if self._poll is None:
            self._stream.write(text)
            self._stream.flush()
            return
        data = text.encode(errors="backslashreplace")
        self._write_kept(0)
        if self._kept_bytes + len(data) > MAX_BYTES:
            self._dropped += 1
            return
        if self._dropped and not self._kept:
            self._keep(
                b"order-engine: dropped %d log lines because the reader of the log is too slow.\n" % self._dropped
            )
            self._dropped = 0
        self._keep(data)
        self._write_kept(0)

    def flush(self) -> None:
        """Write buffered text as far as the reader accepts it."""
        with suppress(OSError, ValueError):
            self._write_kept(LAST_WAIT_MILLISECONDS)

    def _keep(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            self._kept.append(data[start : start + CHUNK_BYTES])
        self._kept_bytes += len(data)

    def _write_kept(self, milliseconds: int) -> None:
        while self._kept and self._poll is not None and self._poll.poll(milliseconds):
            chunk = self._kept.popleft()
            self._kept_bytes -= len(chunk)
            written = os.write(self._stream.fileno(), chunk)
            if written < len(chunk):
                self._kept.appendleft(chunk[written:])
                self._kept_bytes += len(chunk) - written


def _poll(stream: TextIO) -> select.poll | None:
    """Return a function that returns whether the stream accepts data; None if that is not supported."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = stream.fileno()
    except (UnsupportedOperation, ValueError):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll
