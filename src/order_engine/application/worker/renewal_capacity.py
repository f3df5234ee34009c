"""Limit of orders in progress by the number of leases that can be renewed in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from order_engine.application.worker.attempts import Attempts, Bound
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer, RenewalsTooSlow

INITIAL_LIMIT: Final = 1000
"""Orders in progress allowed without evidence. Each round of renewals then allows twice the number it renewed."""
EVIDENCE: Final = 1.5
"""An early round must renew this many times the leases of the last one; otherwise it would show nothing new."""
CHECK_INTERVAL_PART: Final = 1 / 20
"""Part of the interval between two checks whether an early round is due."""


class InFlight(NamedTuple):
    """Orders in progress in a process, and their limit.

    `limited`: measured renewals are too slow for the configured concurrency.
    """

    orders: int
    limit: int
    limited: bool


class RenewalCapacity:
    """Limits the orders in progress to the number of leases that can be renewed within the interval."""

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
        """Number of orders in progress and its limit."""
        return InFlight(len(self._attempts), self._attempts.limit, self._limited)

    async def early_round_due(self) -> None:
        """Wait until an early round of renewals could show that more orders may be claimed."""
        while True:
            # Sleep first, so that rounds without new evidence do not follow each other without a pause.
            await self._clock.sleep(self._interval * CHECK_INTERVAL_PART)
            await self._attempts.limited_by_renewals()
            if not self._limited and len(self._attempts) >= self._renewed_before * EVIDENCE:
                return

    def begin_round(self) -> None:
        """Start measuring a round."""
        self._seconds = 0.0
        self._renewed = 0
        self._was_blocked = False
        # Attempts that were given up occupy slots but have no lease to renew.
        self._without_lease = sum(attempt.given_up for attempt in self._attempts)

    def renewed(self, leases: int, seconds: float) -> None:
        """Record renewed leases of this round. Late renewals stop further claims immediately.

        Failed renewals are not counted: an outage says nothing about the speed.
        """
        self._renewed += leases
        self._seconds += seconds
        if self._seconds > self._interval / 2:
            self._set(min(self._attempts.bound(Bound.RENEWALS), self._renewable + self._without_lease))

    def note_blocked(self) -> None:
        """Record that the event loop was blocked in this round, so that it does not change the limit."""
        self._was_blocked = True

    def end_round(self) -> None:
        """Adapt the limit to a complete round."""
        if self._was_blocked:
            return
        self._renewed_before = self._renewed
        self._set(min(self._renewable, max(INITIAL_LIMIT, 2 * self._renewed)) + self._without_lease)

    @property
    def _renewable(self) -> int:
        """Number of leases that can be renewed in an interval, at the speed of this round."""
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
