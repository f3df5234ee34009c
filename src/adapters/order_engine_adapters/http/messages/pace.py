"""Cooperative pauses in long computations, so that the event loop stays responsive."""

from __future__ import annotations

import asyncio
from typing import Final

STEP_BYTES: Final = 16 * 1024
"""Bytes to process between pauses: at most 10 ms of work (CPython 3.11)."""
EACH_BYTES: Final = 256
"""Fixed cost of one element in bytes: validation and result cost as much for a short one."""


class Pace:
    """Counts the work since the last pause."""

    __slots__ = ("_done",)

    def __init__(self) -> None:
        """Start with no work done."""
        self._done = 0

    def is_due(self, size: int) -> bool:
        """Count an element of `size` bytes. Return whether to call `pause` before the next one."""
        self._done += size + EACH_BYTES
        return self._done >= STEP_BYTES

    async def pause(self) -> None:
        """Let other tasks run."""
        self._done = 0
        await asyncio.sleep(0)
