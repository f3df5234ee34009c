"""The clock port: the only source of time in the core."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """Source of the time of day, of monotonic time, and of sleeps."""

    def now(self) -> datetime:
        """Return the time of day as an aware datetime in UTC. It may jump forwards and backwards."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary start. They never decrease."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of `monotonic`. With 0 or less, let other tasks run once and return."""
        ...


@runtime_checkable
class ResumableClock(Protocol):
    """Optional extension of a clock: continue from the last stored time if the time of day is behind it."""

    def not_before(self, moment: datetime) -> None:
        """Return no time before `moment` from now on, unless `moment` is so far ahead that it must be wrong."""
        ...
