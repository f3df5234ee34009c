"""The steady clock: what is stored keeps its meaning when the time of day is set back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.contracts import ClockContract, ClockHarness
from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine_adapters.clocks import ManualClock, SteadyClock
from order_engine_adapters.memory import MemoryRepository
from order_engine_adapters.sqlite.driver import open_file

HOUR = 3600.0
DELAY = 60.0


class TestSteadyClock(ClockContract):
    """The steady clock keeps the contract of a clock."""

    short_seconds: ClassVar[float] = HOUR

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ClockHarness]:
        """Open one over a clock that is turned by hand."""
        clock = ManualClock()
        yield ClockHarness(SteadyClock(clock), clock.advance)


steps = st.tuples(st.floats(0, 10 * HOUR), st.floats(-10 * HOUR, 10 * HOUR))


@given(st.lists(steps, max_size=30))
async def test_time_is_never_set_back_and_is_the_time_of_day_in_the_end(course: list[tuple[float, float]]) -> None:
    """However the time of day is set, the clock goes on; it runs a tenth slower at most, and catches up."""
    clock = ManualClock()
    steady = SteadyClock(clock)
    told = [(steady.now(), 0.0)]
    for seconds, step in course:
        await clock.advance(seconds)
        clock.jump(step)
        told.append((steady.now(), clock.monotonic()))
        # A step of more than a day is the one exception: here all of them together may be.
        if steady.now() - clock.now() > timedelta(hours=13):
            await clock.advance(140 * HOUR)
            told.append((steady.now(), clock.monotonic()))
    for (before, began), (after, ended) in pairwise(told):
        assert after - before >= timedelta(seconds=(ended - began) * 0.9) - timedelta(milliseconds=1)
    await clock.advance(240 * HOUR)
    assert steady.now() == clock.now()


async def test_a_step_of_more_than_a_day_is_followed() -> None:
    """A clock that was days ahead was wrong: nobody waits for days until the time has caught up."""
    clock = ManualClock()
    steady = SteadyClock(clock)
    clock.jump(-25 * HOUR)
    assert steady.now() == clock.now()


@pytest.mark.parametrize("step", [-2 * HOUR, -10.0, 0.0])
async def test_retries_come_when_they_are_due_after_a_step_back(step: float) -> None:
    """A retry that was put off by a minute comes within a ninth of that, wherever the time of day was set meanwhile."""
    clock = ManualClock()
    repository = MemoryRepository(SteadyClock(clock))
    await repository.add([placement("order-1")], terms("claim-1", limit=1))
    await repository.apply([Command("order-1", Action.RETRY, token=1, delay=DELAY, reason="busy")])
    clock.jump(step)
    await clock.advance(DELAY * 0.85)
    assert (await repository.claim(terms("claim-2"))).orders == []
    await clock.advance(DELAY * 0.3)
    assert [order.order_id for order in (await repository.claim(terms("claim-3"))).orders] == ["order-1"]


@pytest.mark.parametrize("step", [-2 * HOUR, -30.0])
async def test_a_restart_goes_on_from_the_last_time_that_was_stored(tmp_path: Path, step: float) -> None:
    """A database that was written by a clock that was ahead is opened by one that goes on from there."""
    clock = ManualClock()
    async with open_file(tmp_path / "orders.db", clock=SteadyClock(clock)) as repository:
        await repository.add([placement("order-1")], terms("claim-1", limit=1))
        await repository.apply([Command("order-1", Action.RETRY, token=1, delay=DELAY, reason="busy")])
    clock.jump(step)
    async with open_file(tmp_path / "orders.db", clock=SteadyClock(clock)) as repository:
        assert (await repository.claim(terms("claim-2"))).orders == []
        await clock.advance(DELAY * 1.15)
        assert [order.order_id for order in (await repository.claim(terms("claim-3"))).orders] == ["order-1"]
