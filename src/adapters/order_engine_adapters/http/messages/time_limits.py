"""Request time limits."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from order_engine.application.time_limits import TimeLimits

LOOK_SECONDS: Final = 0.1


class RequestTimeLimits(TimeLimits):
    """Time limits of one application. Overdue blocks get a TimeoutError within a tenth of a second.

    Applications have no start or stop hooks, so a task watches the limits while any are active.
    """

    def __init__(self) -> None:
        """Start with none."""
        super().__init__(time.monotonic, asyncio.sleep, LOOK_SECONDS)
        self._watching: asyncio.Task[None] | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start watching: the first limit was just added."""
        self._is_watched = True
        self._watching = loop.create_task(self.look(), name="order_engine time limits of requests")
