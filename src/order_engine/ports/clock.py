"""The clock port: the only source of time in the core."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


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
