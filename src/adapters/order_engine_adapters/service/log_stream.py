"""Writing a log without waiting for whoever reads it."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from contextlib import suppress
from io import UnsupportedOperation
from typing import Final, TextIO

CHUNK_BYTES: Final = 512
"""What a pipe that can be written takes without waiting, on every system (POSIX: PIPE_BUF)."""
MAX_BYTES: Final = 1024 * 1024
"""So much is kept for a reader that does not read; further lines are dropped and counted."""
LAST_WAIT_MILLISECONDS: Final = 200


class LogStream:
    """A stream of text, such as standard error, that keeps nobody waiting.

    A pipe that nobody empties would stop the event loop at the first write that does not fit, and the service with it.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._poll = _poll(stream)

    def write(self, text: str) -> None:
        """Write a text, now or, where the reader is behind, before a later one."""
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
        """Write what is kept, for as long as the reader reads."""
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
    """Return what tells whether the stream takes more; None where that cannot be asked."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = stream.fileno()
    except (UnsupportedOperation, ValueError):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll
