"""Planted bugs in what is done about clocks that are set back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pytest

from order_engine.simulation import Fault
from order_engine_adapters.clocks import SteadyClock
from tests.unit.simulation.planted import Circumstances, found

BACK: Final = Circumstances("clocks set back", {Fault.STORE_CLOCK_BACK: 1, Fault.PROCESSOR_FAILS: 0.3})
"""Retries that wait while the repository's clock is set back by hours, and nothing else that could put them off."""
DEATHS: Final = Circumstances(
    "deaths and clocks set back", {Fault.STORE_CLOCK_BACK: 1, Fault.CRASH: 1, Fault.PROCESSOR_SLOW: 0.3}
)
"""Processes that die and leave their leases behind."""


@found("P7", within=10, where=BACK)
def retries_wait_for_the_clock(patch: pytest.MonkeyPatch) -> None:
    """Follow every step of the repository's clock: a retry waits for hours."""
    patch.setattr(SteadyClock, "now", lambda self: self._clock.now())


@found("P7", within=10, where=DEATHS)
def leases_of_the_dead_wait_for_the_clock(patch: pytest.MonkeyPatch) -> None:
    """Follow every step of the repository's clock: the orders of a process that died wait for hours."""
    patch.setattr(SteadyClock, "now", lambda self: self._clock.now())


@found("P7", within=10, where=BACK)
def time_stands_still(patch: pytest.MonkeyPatch) -> None:
    """Let the time stand still, instead of running slower, until the clock has caught up."""

    def highest(self: SteadyClock) -> datetime:
        now = self._clock.now()
        self._before = max(now, self._before[0]), 0.0
        return self._before[0]

    patch.setattr(SteadyClock, "now", highest)


@found("backoff", within=10, where=BACK)
def time_makes_a_leap(patch: pytest.MonkeyPatch) -> None:
    """Add a step back twice: what waits comes before its time."""
    now = SteadyClock.now

    def twice(self: SteadyClock) -> datetime:
        ahead = self._ahead
        now(self)
        self._ahead += max(self._ahead - ahead, timedelta())
        return self._before[0] + self._ahead

    patch.setattr(SteadyClock, "now", twice)
