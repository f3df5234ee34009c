"""The contract of a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from order_engine.contracts.coroutine_tests import as_test
from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.harness import ClockHarness
from order_engine.ports.clock import Clock

# What float arithmetic and a clock's own resolution may take off a sleep.
RESOLUTION = 1e-6

Suite = TypeVar("Suite", bound="ClockContract")


def with_clock(body: Callable[[Suite, ClockHarness], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Make a test method of a coroutine that gets a clock, and has to be done in time."""
    return as_test(body, _itself)


def _itself(harness: ClockHarness) -> ClockHarness:
    return harness


class ClockContract:
    """What every clock promises."""

    patience_seconds: ClassVar[float] = 10.0
    """How long one test may take altogether, in real time."""
    short_seconds: ClassVar[float] = 0.05
    """The unit of the clock's time that the tests let pass: short for a clock that really waits."""

    def open(self) -> AbstractAsyncContextManager[ClockHarness]:
        """Open a clock. Called once for each test."""
        raise NotImplementedError

    @with_clock
    async def test_now_is_in_utc(self, harness: ClockHarness) -> None:
        """The time of day is aware, and in UTC."""
        expect_equal(harness.clock.now().utcoffset(), timedelta(0), "the offset of the time of day from UTC")

    @with_clock
    async def test_time_passes(self, harness: ClockHarness) -> None:
        """Both the time of day and the monotonic time move on by at least what passed."""
        now, monotonic = harness.clock.now(), harness.clock.monotonic()
        await harness.let_pass(self.short_seconds)
        passed = harness.clock.monotonic() - monotonic
        expect(passed >= self.short_seconds - RESOLUTION, f"monotonic moved by {passed}, not by {self.short_seconds}")
        expect(harness.clock.now() > now, "the time of day moves on when time passes")

    @with_clock
    async def test_monotonic_never_runs_back(self, harness: ClockHarness) -> None:
        """Monotonic time is never less than before, whether time passes or not."""
        last = harness.clock.monotonic()
        for seconds in (0.0, self.short_seconds / 10, 0.0, self.short_seconds / 10):
            await harness.let_pass(seconds)
            for _ in range(100):
                present = harness.clock.monotonic()
                expect(present >= last, f"monotonic ran back from {last} to {present}")
                last = present

    @with_clock
    async def test_sleep_returns_when_its_time_has_come(self, harness: ClockHarness) -> None:
        """A sleeper does not wake before its seconds have passed, and does when they have."""
        clock = harness.clock
        began = clock.monotonic()
        sleeper = asyncio.create_task(_sleep(clock, 3 * self.short_seconds))
        await asyncio.sleep(0)
        await harness.let_pass(self.short_seconds)
        expect(not sleeper.done(), "a sleeper still sleeps when a third of its time has passed")
        await harness.let_pass(3 * self.short_seconds)
        await sleeper
        slept = sleeper.result() - began
        expect(slept >= 3 * self.short_seconds - RESOLUTION, f"a sleep of {3 * self.short_seconds} took {slept}")

    @with_clock
    async def test_sleep_of_nothing_lets_others_run(self, harness: ClockHarness) -> None:
        """A sleep of 0 or less returns without time passing, after other tasks had a turn."""
        for seconds in (0, 0.0, -1.0, -1e9):
            other = asyncio.create_task(asyncio.sleep(0))
            ran: list[bool] = []
            other.get_loop().call_soon(ran.append, True)  # noqa: FBT003 - the argument of append
            await harness.clock.sleep(seconds)
            expect(ran, f"a sleep of {seconds} lets others run")
            await other

    @with_clock
    async def test_sleepers_wake_in_the_order_of_their_times(self, harness: ClockHarness) -> None:
        """Whoever sleeps shorter wakes first, whenever they lay down."""
        woken: list[int] = []

        async def sleeper(units: int) -> None:
            await harness.clock.sleep(units * self.short_seconds)
            woken.append(units)

        sleepers = [asyncio.create_task(sleeper(units)) for units in (3, 1, 2)]
        await asyncio.sleep(0)
        await harness.let_pass(4 * self.short_seconds)
        await asyncio.gather(*sleepers)
        expect_equal(woken, [1, 2, 3], "the order in which sleepers of 3, 1 and 2 units wake")

    @with_clock
    async def test_cancelled_sleep_is_harmless(self, harness: ClockHarness) -> None:
        """A sleeper that is cancelled wakes at once, and the others sleep on and wake in time."""
        sleepers = [asyncio.create_task(_sleep(harness.clock, units * self.short_seconds)) for units in (1, 1, 2)]
        await asyncio.sleep(0)
        sleepers[0].cancel()
        await asyncio.gather(sleepers[0], return_exceptions=True)
        expect(sleepers[0].cancelled(), "a sleep that is cancelled raises CancelledError")
        expect(not sleepers[2].done(), "the others sleep on when one is cancelled")
        await harness.let_pass(3 * self.short_seconds)
        await asyncio.gather(*sleepers[1:])


async def _sleep(clock: Clock, seconds: float) -> float:
    """Sleep, and return the monotonic time of waking."""
    await clock.sleep(seconds)
    return clock.monotonic()
