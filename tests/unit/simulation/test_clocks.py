"""The clocks of a simulation: off, set, fast and slow, and all on one virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest

from order_engine.simulation.loop.event_loop import SimulatedLoop
from order_engine.simulation.processes.clocks import BEGINNING, SimulatedClock


@pytest.fixture
def loop() -> SimulatedLoop:
    """Return a loop at its beginning."""
    return SimulatedLoop(Random(0))  # type: ignore[abstract]  # noqa: S311 - no network, no secret


def test_a_clock_shows_the_virtual_time(loop: SimulatedLoop) -> None:
    """It begins at a fixed moment, and both its faces move with the loop."""
    clock = SimulatedClock(loop)
    assert (clock.now(), clock.monotonic()) == (BEGINNING, 0.0)
    loop.run_until_complete(clock.sleep(90))
    assert (clock.now(), clock.monotonic()) == (BEGINNING + timedelta(seconds=90), 90.0)


def test_a_clock_that_is_off_is_off_by_the_same_always(loop: SimulatedLoop) -> None:
    """Only its time of day: nobody sleeps longer by it."""
    clock = SimulatedClock(loop, offset=-3600)
    loop.run_until_complete(clock.sleep(10))
    assert clock.now() == BEGINNING - timedelta(seconds=3590)
    assert (clock.monotonic(), loop.time()) == (10.0, 10.0)


def test_a_clock_that_drifts_counts_seconds_of_its_own(loop: SimulatedLoop) -> None:
    """A fast one is through with ten of its seconds before the loop has counted ten."""
    clock = SimulatedClock(loop, rate=1.25)
    loop.run_until_complete(clock.sleep(10))
    assert (clock.monotonic(), loop.time()) == (10.0, 8.0)


def test_a_clock_that_is_set_jumps_and_counts_on(loop: SimulatedLoop) -> None:
    """The monotonic face never notices; how far it was set back in all is remembered."""
    clock = SimulatedClock(loop)
    clock.jump(50)
    clock.jump(-20)
    clock.jump(-5)
    assert clock.now() == BEGINNING + timedelta(seconds=25)
    assert (clock.monotonic(), clock.jumped_back) == (0.0, 25.0)


def test_a_sleep_that_is_cancelled_leaves_nothing_behind(loop: SimulatedLoop) -> None:
    """Its timer does not make time pass later."""
    clock = SimulatedClock(loop)

    async def course() -> None:
        sleeping = asyncio.ensure_future(clock.sleep(1000))
        await clock.sleep(1)
        sleeping.cancel()
        await asyncio.wait([sleeping])
        await clock.sleep(1)

    loop.run_until_complete(course())
    assert loop.time() == 2.0
