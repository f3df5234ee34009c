"""Detection of steps of the database's clock.

Each claim returns the server's time. By the local monotonic clock, the elapsed time since the last claim is at least
the time from its response to this request, and at most the time from its request to this response. A server time
outside these bounds means that the clock was set, or that a standby with another clock was promoted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final, NamedTuple

from order_engine.domain.errors import OrderEngineError
from order_engine_adapters.postgres.claim_floor import BEFORE_ALL
from order_engine_adapters.postgres.connection.sessions import Sessions

LAST_EVENT: Final = "SELECT at FROM order_engine.events ORDER BY serial DESC LIMIT 1"
CORRECT: Final = "SELECT order_engine.correct_time($1, $2)"

AFTER_ALL: Final = datetime.max.replace(tzinfo=UTC)
SMALLEST_STEP: Final = 1.0
"""Seconds. Smaller steps back are followed: they delay waiting orders by less."""
DRIFT: Final = 1 / 8
"""Maximum drift between two clocks without a step. More than the twelfth by which chrony slews a clock, and than the
tenth by which the time runs slower while it is ahead of the server's clock."""
PART_OF_LEASE: Final = 1 / 2
"""Steps forward by less than this part of a lease end no renewed lease: two thirds of it remain. For the same time
after a step, expired leases are not taken over, since their holders renew them meanwhile."""
LARGEST_STEP_HOURS: Final = 24
"""Larger steps back are followed, as in `correct_time`: the earlier time was clearly wrong."""


class ClockReading(NamedTuple):
    """The database's time at a moment between a request and its response."""

    time: datetime
    asked: float
    answered: float


class DatabaseClock:
    """Detects that the database's clock was set, and corrects the time for all processes."""

    def __init__(self, seconds: Callable[[], float], last_event: datetime | None = None) -> None:
        """Start with the time of the last event, however old. `seconds` is a monotonic clock."""
        self.seconds = seconds
        self._last = None if last_event is None else ClockReading(last_event, -inf, seconds())

    def latest(self, lease_seconds: float) -> datetime:
        """Return the latest plausible end of an expired lease. A later time can only be a step forward."""
        return self._latest(self.seconds(), lease_seconds * PART_OF_LEASE)

    @property
    def earliest(self) -> datetime:
        """Return the minimum current time, so that retries due before an undetected step are not early."""
        return BEFORE_ALL if self._last is None else _earliest(self._last, self.seconds())

    def corrected(self, now: datetime) -> datetime:
        """Return the corrected time for a time of the database's clock."""
        earliest = self.earliest
        return earliest if now < earliest <= now + timedelta(hours=LARGEST_STEP_HOURS) else now

    def was_set(self, reading: ClockReading, lease_seconds: float) -> bool:
        """Return whether the clock was set since the last reading. If not, record this reading."""
        if self._last is not None:
            earliest = _earliest(self._last, reading.asked) - timedelta(seconds=SMALLEST_STEP)
            if not earliest <= reading.time <= self._latest(reading.answered, lease_seconds * PART_OF_LEASE):
                return True
        self._last = reading
        return False

    async def correct(self, sessions: Sessions) -> None:
        """Correct the time as if the clock had not been set. If that fails, the next claim detects it again."""
        if self._last is None:
            return
        asked = self.seconds()
        earliest = _earliest(self._last, asked)
        # No correction is pending after this time.
        latest = self._latest(asked, sessions.target.budget.request_seconds)
        with suppress(OrderEngineError):
            now = await sessions.write(lambda session: session.value(CORRECT, earliest, latest))
            self._last = ClockReading(now, asked, self.seconds())

    def _latest(self, moment: float, more_seconds: float) -> datetime:
        last = self._last
        if last is None:
            return AFTER_ALL
        return _after(last.time, (moment - last.asked) * (1 + DRIFT) + more_seconds)


async def last_event(sessions: Sessions) -> datetime | None:
    """Return the time of the last event. A database continues from it, whatever its clock says now."""
    moment: datetime | None = await sessions.read(lambda session: session.value(LAST_EVENT))
    return moment


def _earliest(last: ClockReading, asked: float) -> datetime:
    """Return the minimum current time. Rather late than early: no order may be claimed before it is due."""
    passed = asked - last.answered
    return _after(last.time, passed - max(passed, 0.0) * DRIFT)


def _after(time: datetime, seconds: float) -> datetime:
    try:
        return time + timedelta(seconds=seconds)
    except OverflowError:
        return AFTER_ALL
