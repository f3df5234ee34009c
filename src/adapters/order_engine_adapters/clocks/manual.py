"""A clock that stands still until it is turned: for tests that must not wait, and must not depend on luck."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
SETTLING_ROUNDS = 60
"""Turns of the event loop after each sleeper: more than any chain of tasks in the engine is long."""


class ManualClock:
    """Time passes only in `advance`; `jump` moves the time of day alone, as an administrator or NTP would."""

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        """Stand still at `start`."""
        self._start = start
        self._elapsed = 0.0
        self._jumped = timedelta()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._serial = count()

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self._elapsed) + self._jumped

    def monotonic(self) -> float:
        """Return the seconds that were advanced so far."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._elapsed + seconds, next(self._serial), woken))
        await woken

    def jump(self, seconds: float) -> None:
        """Move the time of day by `seconds`, which may be negative; nobody wakes and `monotonic` does not move."""
        self._jumped += timedelta(seconds=seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: wake each sleeper at its own time, in order, and let what it does settle."""
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
