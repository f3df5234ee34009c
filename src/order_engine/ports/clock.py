"""The clock port: the only source of time in the core."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """Tells the time of day and lets time pass."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC. It may jump either way."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start; never less than before."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of `monotonic`; 0 or less lets other tasks run once and returns."""
        ...


@runtime_checkable
class ResumableClock(Protocol):
    """What a clock may offer besides: to go on from the last time that was stored, where the time of day is behind."""

    def not_before(self, moment: datetime) -> None:
        """Tell no time before `moment` from now on, unless that is so far ahead that it was wrong."""
        ...
