"""Long work in small steps, so that everybody else has a turn in between."""

from __future__ import annotations

import asyncio
from typing import Final

STEP_BYTES: Final = 16 * 1024
"""The text that one step may read or write: up to 10 ms of work, whatever it holds (CPython 3.11)."""
EACH_BYTES: Final = 256
"""What one element counts for beside its text: to check it and to answer it costs as much however short it is."""


class Pace:
    """Counts what was done since others had a turn."""

    __slots__ = ("_done",)

    def __init__(self) -> None:
        """Begin with nothing done."""
        self._done = 0

    def is_due(self, size: int) -> bool:
        """Count one more element of `size` bytes; whether `pause` is to be called before the next."""
        self._done += size + EACH_BYTES
        return self._done >= STEP_BYTES

    async def pause(self) -> None:
        """Give everybody else a turn."""
        self._done = 0
        await asyncio.sleep(0)
