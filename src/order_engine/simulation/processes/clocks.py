"""Simulated clocks, separate for each process and for the repository."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from order_engine.simulation.loop.event_loop import SimulatedLoop, wake

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """Clock based on the loop's virtual time, with an offset, jumps and drift."""

    def __init__(self, loop: SimulatedLoop, *, offset: float = 0.0, rate: float = 1.0) -> None:
        """Start with an offset of `offset` seconds, and run at `rate` times the speed of the loop."""
        self._loop = loop
        self._rate = rate
        self._beginning = BEGINNING + timedelta(seconds=offset)
        self.jumped_back: float = 0.0
        """Total seconds by which it was set back."""
        self.jumped_ahead: float = 0.0
        """Total seconds by which it was set forward."""

    def now(self) -> datetime:
        """Return the time of day of this clock."""
        return self._beginning + timedelta(seconds=self._loop.now * self._rate)

    def monotonic(self) -> float:
        """Return the monotonic seconds of this clock."""
        return self._loop.now * self._rate

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        # Like asyncio.sleep, but without get_running_loop, which makes a system call before Python 3.12 and took a
        # tenth of a simulation's time.
        woken = self._loop.create_future()
        step = self._loop.call_later(seconds / self._rate, wake, woken)
        try:
            await woken
        finally:
            step.cancel()

    def jump(self, seconds: float) -> None:
        """Set the time of day by `seconds`, as an administrator or NTP would."""
        self._beginning += timedelta(seconds=seconds)
        self.jumped_back += max(-seconds, 0.0)
        self.jumped_ahead += max(seconds, 0.0)
