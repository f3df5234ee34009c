"""Time limits of requests."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from order_engine.application.time_limits import TimeLimits

LOOK_SECONDS: Final = 0.1


class RequestTimeLimits(TimeLimits):
    """Ends what takes too long in one application by TimeoutError, give or take a tenth of a second.

    Nobody starts or stops an application. So its limits are watched by a task of their own while some are open.
    """

    def __init__(self) -> None:
        """Start with none."""
        super().__init__(time.monotonic, asyncio.sleep, LOOK_SECONDS)
        self._watching: asyncio.Task[None] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look at the limits, of which the first was opened just now."""
        self._is_watched = True
        self._watching = loop.create_task(self.look(), name="order_engine time limits of requests")
