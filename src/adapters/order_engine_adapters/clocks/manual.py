"""A clock for tests that advances only on request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
SETTLING_ROUNDS = 60
"""Iterations of the event loop after each wake-up: more than the length of any chain of tasks in the engine."""


class ManualClock:
    """Time passes only in `advance`. `jump` changes only the time of day, like an administrator or NTP."""

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        """Start at `start`."""
        self._start = start
        self._elapsed = 0.0
        self._jumped = timedelta()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._serial = count()

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self._elapsed) + self._jumped

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._elapsed + seconds, next(self._serial), woken))
        await woken

    def jump(self, seconds: float) -> None:
        """Change the time of day by `seconds`, which may be negative.

        Wakes no sleeper and does not change `monotonic`.
        """
        self._jumped += timedelta(seconds=seconds)

    async def advance(self, seconds: float) -> None:
        """Advance by `seconds`: wake each sleeper at its time, in order, and let its effects settle."""
        until = self._elapsed + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            wakes, _, woken = heappop(self._sleepers)
            self._elapsed = max(self._elapsed, wakes)
            if not woken.done():
                woken.set_result(None)
                await self._settle()
        self._elapsed = max(self._elapsed, until)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(SETTLING_ROUNDS):
            await asyncio.sleep(0)
