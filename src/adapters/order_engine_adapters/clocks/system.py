"""The system clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    """Time of the machine and of the event loop."""

    def __init__(self) -> None:
        """Take the machine's monotonic clock as it is: it is asked several times an order."""
        self.monotonic: Callable[[], float] = time.monotonic

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await asyncio.sleep(max(seconds, 0))
