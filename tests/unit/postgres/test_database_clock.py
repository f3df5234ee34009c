"""What a process knows of the database's clock: a step is noticed, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine_adapters.postgres.database_clock import AFTER_ALL, ClockReading, DatabaseClock

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = 30.0
HOUR = 3600.0

ways = st.floats(0, 9.5)
rates = st.floats(0.88, 1.12)
pauses = st.floats(0, 3 * HOUR)


class Course:
    """A database whose clock runs a little fast or slow, and a process that asks it for the time."""

    def __init__(self) -> None:
        """Begin at the start."""
        self.time = START
        self.seconds = 0.0
        self.clock = DatabaseClock(lambda: self.seconds)

    def pass_time(self, seconds: float, rate: float = 1.0) -> None:
        """Let time pass for both."""
        self.seconds += seconds
        self.time += timedelta(seconds=seconds * rate)

    def is_seen_set(self, there: float = 0.0, back: float = 0.0, rate: float = 1.0) -> bool:
        """Ask once, the question and the answer being so many seconds on their way; return whether a step is seen."""
        asked = self.seconds
        self.pass_time(there, rate)
        time = self.time
        self.pass_time(back, rate)
        return self.clock.was_set(ClockReading(time, asked, self.seconds), LEASE)


@given(st.lists(st.tuples(pauses, ways, ways, rates), max_size=20))
def test_a_clock_that_nobody_sets_is_never_taken_for_one(course: list[tuple[float, float, float, float]]) -> None:
    """However long the ways are and however seldom it is asked: nor where it is slewed by up to an eighth."""
    database = Course()
    for pause, there, back, rate in course:
        database.pass_time(pause, rate)
        assert not database.is_seen_set(there, back, rate)
        assert database.time <= database.clock.latest(LEASE)


@given(st.tuples(ways, ways), st.tuples(ways, ways), st.floats(0, HOUR), st.one_of(st.floats(60, 24 * HOUR), st.none()))
def test_a_step_is_seen(
    first: tuple[float, float], second: tuple[float, float], pause: float, forward: float | None
) -> None:
    """A step is seen if it is larger than what the ways and an eighth of the time between leave open."""
    database = Course()
    assert not database.is_seen_set(*first)
    database.pass_time(pause)
    open_seconds = (pause + sum(first) + sum(second)) / 8 + sum(first) + sum(second)
    step = -open_seconds - 1.01 if forward is None else forward + open_seconds + LEASE / 2
    database.time += timedelta(seconds=step)
    assert (database.clock.latest(LEASE) < database.time) is (forward is not None)
    assert database.is_seen_set(*second)
    assert database.is_seen_set(*second), "nothing was corrected, so it is seen again"


@pytest.mark.parametrize("step", [0.0, -0.9, 14.0])
def test_a_small_step_is_followed(step: float) -> None:
    """A second back delays nothing by more, and half a lease forward ends no lease that is renewed."""
    database = Course()
    database.is_seen_set()
    database.time += timedelta(seconds=step)
    assert not database.is_seen_set()
    assert not database.is_seen_set()


def test_the_last_event_is_what_a_new_process_begins_with() -> None:
    """Its age is unknown, so only an earlier time indicates a step back."""
    for hours, is_set in ((-2, True), (0, False), (2, False), (20_000, False)):
        clock = DatabaseClock(lambda: 0.0, START)
        assert clock.latest(LEASE) == AFTER_ALL
        assert clock.was_set(ClockReading(START + timedelta(hours=hours), 0.0, 0.0), LEASE) is is_set
