"""A clock that never goes back, based on one that may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from order_engine.ports.clock import Clock

LARGEST_STEP: Final = timedelta(days=1)
"""Steps back by more than this are followed: the earlier time was clearly wrong."""
SLOWER: Final = 0.1
"""Slowdown of the clock while it is ahead: after a step back of one hour it is correct again after ten hours."""


class SteadyClock:
    """Time of day for stored times. Due times and leases keep their meaning if the system clock is set back.

    After a step back, the clock continues from its last time at nine tenths of the speed until the system clock catches
    up, so delays grow by a ninth at most. A step forward takes effect immediately.
    """

    def __init__(self, clock: Clock) -> None:
        """Follow `clock`. Its monotonic time distinguishes steps from elapsed time."""
        self._clock = clock
        # Called several times per order, so it is the method of the clock itself.
        self.monotonic: Callable[[], float] = clock.monotonic
        self._ahead = timedelta()
        self._before = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        """Return the time, never earlier than before unless the clock is set back by more than a day."""
        now, seconds = self._clock.now(), self._clock.monotonic()
        before, seconds_before = self._before
        self._before = now, seconds
        passed = timedelta(seconds=seconds - seconds_before)
        # Positive after a step back, negative after one forward.
        step = passed - (now - before)
        self._ahead = max(self._ahead - passed * SLOWER + step, timedelta())
        if self._ahead > LARGEST_STEP:
            self._ahead = timedelta()
        return now + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Sleep on the clock."""
        await self._clock.sleep(seconds)

    def not_before(self, moment: datetime) -> None:
        """Continue from `moment`, the last stored time, if it is at most a day ahead."""
        ahead = moment - self.now()
        if self._ahead < self._ahead + ahead <= LARGEST_STEP:
            self._ahead += ahead
