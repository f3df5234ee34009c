"""A clock that is never set back, over one that may be."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from order_engine.ports.clock import Clock

LARGEST_STEP: Final = timedelta(days=1)
"""A step back of more than this is taken as it is: the time before it was plainly wrong."""
SLOWER: Final = 0.1
"""By how much the clock is slower while it is ahead: after a step back of an hour it agrees after ten."""


class SteadyClock:
    """Tells the time of day for what is stored: due times and leases keep their meaning when the clock is set back.

    A step back is not followed at once. The clock goes on from where it was, a tenth slower, until the time of day has
    caught up: so what waits comes late by a ninth of its delay at most. A step forward is followed at once.
    """

    def __init__(self, clock: Clock) -> None:
        """Follow `clock`, whose monotonic time tells steps from time that passed."""
        self._clock = clock
        # Called several times per order, so it is the method of the clock itself.
        self.monotonic = clock.monotonic
        self._ahead = timedelta()
        self._before = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        """Return the time, never earlier than before, but for a step of more than a day."""
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
        """Go on from `moment`, where that is not more than a day ahead: the last time that was stored before."""
        ahead = moment - self.now()
        if self._ahead < self._ahead + ahead <= LARGEST_STEP:
            self._ahead += ahead
