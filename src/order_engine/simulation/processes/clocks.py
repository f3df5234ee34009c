"""Clocks of the simulation: each instance has its own, and so has the store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from order_engine.simulation.loop.event_loop import SimulatedLoop, wake

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """A clock on the loop's virtual time, which may be off, jump, and run a little fast or slow."""

    def __init__(self, loop: SimulatedLoop, *, offset: float = 0.0, rate: float = 1.0) -> None:
        """Be `offset` seconds off, and count `rate` seconds in each of the loop's."""
        self._loop = loop
        self._rate = rate
        self._beginning = BEGINNING + timedelta(seconds=offset)
        self.jumped_back: float = 0.0
        """The seconds that it was set back by, in all."""
        self.jumped_ahead: float = 0.0
        """The seconds that it was set forward by, in all."""

    def now(self) -> datetime:
        """Return the time of day that this clock shows."""
        return self._beginning + timedelta(seconds=self._loop.now * self._rate)

    def monotonic(self) -> float:
        """Return the seconds that this clock has counted."""
        return self._loop.now * self._rate

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        # As asyncio.sleep does, which asks for the running loop first: before Python 3.12 that is a question to the
        # system, and took a tenth of a simulation's time.
        woken = self._loop.create_future()
        step = self._loop.call_later(seconds / self._rate, wake, woken)
        try:
            await woken
        finally:
            step.cancel()

    def jump(self, seconds: float) -> None:
        """Change the time of day, as an administrator or NTP would."""
        self._beginning += timedelta(seconds=seconds)
        self.jumped_back += max(-seconds, 0.0)
        self.jumped_ahead += max(seconds, 0.0)
