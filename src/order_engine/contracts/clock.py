"""Contract of clocks."""

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

# Tolerance for float arithmetic and the resolution of the clock.
RESOLUTION = 1e-6

Suite = TypeVar("Suite", bound="ClockContract")


def with_clock(body: Callable[[Suite, ClockHarness], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Convert a coroutine that takes a clock harness to a test method with a time limit."""
    return as_test(body, _itself)


def _itself(harness: ClockHarness) -> ClockHarness:
    return harness


class ClockContract:
    """Tests of a clock."""

    patience_seconds: ClassVar[float] = 10.0
    """Time limit of one test, in real time."""
    short_seconds: ClassVar[float] = 0.05
    """Unit of time used in tests: short for a clock that waits in real time."""

    def open(self) -> AbstractAsyncContextManager[ClockHarness]:
        """Open a clock. Called once for each test."""
        raise NotImplementedError

    @with_clock
    async def test_now_is_in_utc(self, harness: ClockHarness) -> None:
        """The time of day is aware and in UTC."""
        expect_equal(harness.clock.now().utcoffset(), timedelta(0), "the offset of the time of day from UTC")

    @with_clock
    async def test_time_passes(self, harness: ClockHarness) -> None:
        """The time of day and the monotonic time advance by at least the elapsed time."""
        now, monotonic = harness.clock.now(), harness.clock.monotonic()
        await harness.let_pass(self.short_seconds)
        passed = harness.clock.monotonic() - monotonic
        expect(passed >= self.short_seconds - RESOLUTION, f"monotonic must advance by {self.short_seconds}: {passed}")
        expect(harness.clock.now() > now, "the time of day must advance when time passes")

    @with_clock
    async def test_monotonic_never_runs_back(self, harness: ClockHarness) -> None:
        """Monotonic time never decreases."""
        last = harness.clock.monotonic()
        for seconds in (0.0, self.short_seconds / 10, 0.0, self.short_seconds / 10):
            await harness.let_pass(seconds)
            for _ in range(100):
                present = harness.clock.monotonic()
                expect(present >= last, f"monotonic must not decrease from {last} to {present}")
                last = present

    @with_clock
    async def test_sleep_returns_when_its_time_has_come(self, harness: ClockHarness) -> None:
        """A sleep ends after its duration, not earlier."""
        clock = harness.clock
        began = clock.monotonic()
        sleeper = asyncio.create_task(_sleep(clock, 3 * self.short_seconds))
        await asyncio.sleep(0)
        await harness.let_pass(self.short_seconds)
        expect(not sleeper.done(), "a sleep must not end after a third of its duration")
        await harness.let_pass(3 * self.short_seconds)
        await sleeper
        slept = sleeper.result() - began
        expect(slept >= 3 * self.short_seconds - RESOLUTION, f"a sleep of {3 * self.short_seconds} took {slept}")

    @with_clock
    async def test_sleep_of_nothing_lets_others_run(self, harness: ClockHarness) -> None:
        """A sleep of 0 or less lets other tasks run and returns without time passing."""
        for seconds in (0, 0.0, -1.0, -1e9):
            other = asyncio.create_task(asyncio.sleep(0))
            ran: list[bool] = []
            other.get_loop().call_soon(ran.append, True)  # noqa: FBT003 - the argument of append
            await harness.clock.sleep(seconds)
            expect(ran, f"a sleep of {seconds} must let other tasks run")
            await other

    @with_clock
    async def test_sleepers_wake_in_the_order_of_their_times(self, harness: ClockHarness) -> None:
        """Shorter sleeps end first, independent of the order in which they started."""
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
        """A cancelled sleep ends immediately and does not affect other sleeps."""
        sleepers = [asyncio.create_task(_sleep(harness.clock, units * self.short_seconds)) for units in (1, 1, 2)]
        await asyncio.sleep(0)
        sleepers[0].cancel()
        await asyncio.gather(sleepers[0], return_exceptions=True)
        expect(sleepers[0].cancelled(), "a cancelled sleep must raise CancelledError")
        expect(not sleepers[2].done(), "cancelling a sleep must not end other sleeps")
        await harness.let_pass(3 * self.short_seconds)
        await asyncio.gather(*sleepers[1:])


async def _sleep(clock: Clock, seconds: float) -> float:
    """Sleep, and return the monotonic time of waking."""
    await clock.sleep(seconds)
    return clock.monotonic()
