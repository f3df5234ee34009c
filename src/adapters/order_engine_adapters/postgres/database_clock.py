"""The database's clock, as far as this process can tell: whether somebody has set it.

Whoever claims learns what time it is there, and knows by its own monotonic clock how much time has passed since the
last claim: no less than from the last answer to the present question, and no more than from the last question to the
present answer. What does not fit in between is a step of the database's clock, or of the clock of a standby that took
the primary's place.
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
"""Seconds. A step back by less is followed: it delays what waits by less."""
DRIFT: Final = 1 / 8
"""The part by which two clocks may run apart without one of them being set. More than the twelfth by which chrony slews
a clock, and than the tenth by which the time runs slower while it is ahead of the server's clock."""
PART_OF_LEASE: Final = 1 / 2
"""A step forward by less ends no lease that is renewed: of each of these two thirds are left. And for so long no leases
are taken that seem to have ended when the clock was set: whoever holds them renews them meanwhile."""
LARGEST_STEP_HOURS: Final = 24
"""A step back of more is followed, as `correct_time` does: the time before was plainly wrong."""


class ClockReading(NamedTuple):
    """The database's time at some moment between a question and its answer."""

    time: datetime
    asked: float
    answered: float


class DatabaseClock:
    """Notices that the database's clock was set, and has the time corrected for everybody."""

    def __init__(self, seconds: Callable[[], float], last_event: datetime | None = None) -> None:
        """Know no more than when the last event was, be it long ago. `seconds` is a monotonic clock."""
        self.seconds = seconds
        self._last = None if last_event is None else ClockReading(last_event, -inf, seconds())

    def latest(self, lease_seconds: float) -> datetime:
        """Return until when leases are taken that have ended: a time beyond can only be a step forward."""
        return self._latest(self.seconds(), lease_seconds * PART_OF_LEASE)

    @property
    def earliest(self) -> datetime:
        """Return what the time is at least. So a retry that is put off before a step was seen does not come early."""
        return BEFORE_ALL if self._last is None else _earliest(self._last, self.seconds())

    def corrected(self, now: datetime) -> datetime:
        """Return the time that is meant by what the database's clock says now."""
        earliest = self.earliest
        return earliest if now < earliest <= now + timedelta(hours=LARGEST_STEP_HOURS) else now

    def was_set(self, reading: ClockReading, lease_seconds: float) -> bool:
        """Whether the clock was set between the last reading and this one, which is the last one from now on if not."""
        if self._last is not None:
            earliest = _earliest(self._last, reading.asked) - timedelta(seconds=SMALLEST_STEP)
            if not earliest <= reading.time <= self._latest(reading.answered, lease_seconds * PART_OF_LEASE):
                return True
        self._last = reading
        return False

    async def correct(self, sessions: Sessions) -> None:
        """Let the time go on as if the clock had not been set. Where that fails, the next claim notices it again."""
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
    """Return when the last event was: a database goes on from there, whatever its clock says now."""
    moment: datetime | None = await sessions.read(lambda session: session.value(LAST_EVENT))
    return moment


def _earliest(last: ClockReading, asked: float) -> datetime:
    """Return what the time is at least, asked now. Rather late than early: nobody is to be claimed before it is due."""
    passed = asked - last.answered
    return _after(last.time, passed - max(passed, 0.0) * DRIFT)


def _after(time: datetime, seconds: float) -> datetime:
    try:
        return time + timedelta(seconds=seconds)
    except OverflowError:
        return AFTER_ALL
