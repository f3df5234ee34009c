"""How many leases can be renewed in time: more orders than that are not claimed, whatever the concurrency allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from order_engine.application.worker.attempts import Attempts, Bound
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer, RenewalsTooSlow

INITIAL_LIMIT: Final = 1000
"""Orders that may be in flight before renewals have shown that they can carry more: each round allows twice its own."""
EVIDENCE: Final = 1.5
"""A round that begins early has to renew this many times the leases of the last one, or it would show nothing new."""
CHECK_INTERVAL_PART: Final = 1 / 20
"""The part of the interval between two looks whether there is something new to show."""


class InFlight(NamedTuple):
    """The orders that a process works on, how many it may, and whether that is less than its concurrency for long.

    `limited`: the repository renews too slowly for more, by what was measured.
    """

    orders: int
    limit: int
    limited: bool


class RenewalCapacity:
    """Bounds the orders in flight by what a round of renewals can carry within its interval."""

    def __init__(
        self, attempts: Attempts, clock: Clock, observer: Observer, interval: float, on_growth: Callable[[], None]
    ) -> None:
        """Limit `attempts`, which are renewed every `interval` seconds. `on_growth` is called when it may grow."""
        self._on_growth = on_growth
        self._attempts = attempts
        self._clock = clock
        self._observer = observer
        self._interval = interval
        self._seconds = 0.0
        self._renewed = 0
        self._renewed_before = 0
        self._without_lease = 0
        self._was_blocked = False
        self._reported = attempts.slots + 1
        self._limited = False
        self._attempts.set_bound(Bound.RENEWALS, INITIAL_LIMIT)

    @property
    def in_flight(self) -> InFlight:
        """How many orders are worked on now, and how many may be."""
        return InFlight(len(self._attempts), self._attempts.limit, self._limited)

    async def early_round_due(self) -> None:
        """Wait until a round of renewals before its time would show that more orders may be claimed."""
        while True:
            # First, so that rounds which show nothing do not follow each other without a pause.
            await self._clock.sleep(self._interval * CHECK_INTERVAL_PART)
            await self._attempts.limited_by_renewals()
            if not self._limited and len(self._attempts) >= self._renewed_before * EVIDENCE:
                return

    def begin_round(self) -> None:
        """Measure a round from now on."""
        self._seconds = 0.0
        self._renewed = 0
        self._was_blocked = False
        # Those that were given up keep a slot and have no lease: they take no other order's place here.
        self._without_lease = sum(attempt.given_up for attempt in self._attempts)

    def renewed(self, leases: int, seconds: float) -> None:
        """Note that so many leases more were renewed in this round. Renewals that are late stop the claims at once.

        What failed on the way is not counted: an outage says nothing about the speed.
        """
        self._renewed += leases
        self._seconds += seconds
        if self._seconds > self._interval / 2:
            self._set(min(self._attempts.bound(Bound.RENEWALS), self._renewable + self._without_lease))

    def note_blocked(self) -> None:
        """Note that this process stood still in this round, which shows nothing then: the limit stays as it is."""
        self._was_blocked = True

    def end_round(self) -> None:
        """Adapt to a whole round."""
        if self._was_blocked:
            return
        self._renewed_before = self._renewed
        self._set(min(self._renewable, max(INITIAL_LIMIT, 2 * self._renewed)) + self._without_lease)

    @property
    def _renewable(self) -> int:
        """How many leases are renewed in an interval, at the speed of this round."""
        if self._seconds <= 0:
            return self._attempts.slots
        return max(1, int(self._renewed * self._interval / self._seconds))

    def _set(self, limit: int) -> None:
        self._limited = limit < self._attempts.slots and self._seconds > self._interval / 2
        self._attempts.set_bound(Bound.RENEWALS, limit)
        self._on_growth()
        if self._limited and 2 * limit < self._reported:
            self._reported = limit
            self._observer.observe(RenewalsTooSlow(limit, self._attempts.slots))
