"""Mutants of the manual clock, and the checks that catch each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from order_engine_adapters.clocks import ManualClock


class TellsNaiveTime(ManualClock):
    """The time of day does not say where it is."""

    def now(self) -> datetime:
        """Drop the zone."""
        return super().now().replace(tzinfo=None)


class StandsStill(ManualClock):
    """The time of day does not move on."""

    def now(self) -> datetime:
        """Return the start."""
        return self._start


class MonotonicRunsBack(ManualClock):
    """The monotonic time is what is left of something."""

    def monotonic(self) -> float:
        """Count down."""
        return -super().monotonic()


class WakesTooEarly(ManualClock):
    """A sleeper wakes after a part of its time."""

    async def sleep(self, seconds: float) -> None:
        """Sleep less."""
        await super().sleep(seconds / 10)


class NeverYields(ManualClock):
    """A sleep of 0 returns without letting anybody else run: a loop of it would stop the program."""

    async def sleep(self, seconds: float) -> None:
        """Return at once."""
        if seconds > 0:
            await super().sleep(seconds)


class SleepsForEverBelowNothing(ManualClock):
    """A negative sleep, as of a deadline that is over, never returns."""

    async def sleep(self, seconds: float) -> None:
        """Take its absolute value."""
        await super().sleep(abs(seconds))


class WakesFirstComeFirstServed(ManualClock):
    """Sleepers wake in the order in which they lay down, whatever their times."""

    async def sleep(self, seconds: float) -> None:
        """Sleep as long as everybody."""
        await super().sleep(3 * 3_600.0 if seconds > 0 else seconds)


class CancelledSleeperStopsTheClock(ManualClock):
    """A sleeper that was cancelled takes all others with it: they never wake."""

    async def advance(self, seconds: float) -> None:
        """Forget everybody when one is gone."""
        for wakes, _, woken in list(self._sleepers):
            if wakes <= self._elapsed + seconds and woken.cancelled():
                self._sleepers.clear()
        await super().advance(seconds)


CLOCK_MUTANTS: Mapping[type[ManualClock], tuple[str, ...]] = {
    TellsNaiveTime: ("test_now_is_in_utc",),
    StandsStill: ("test_time_passes",),
    MonotonicRunsBack: ("test_monotonic_never_runs_back", "test_time_passes"),
    WakesTooEarly: ("test_sleep_returns_when_its_time_has_come",),
    NeverYields: ("test_sleep_of_nothing_lets_others_run",),
    SleepsForEverBelowNothing: ("test_sleep_of_nothing_lets_others_run",),
    WakesFirstComeFirstServed: ("test_sleepers_wake_in_the_order_of_their_times",),
    CancelledSleeperStopsTheClock: ("test_cancelled_sleep_is_harmless",),
}
"""Each mutant, and the checks that must catch it."""
