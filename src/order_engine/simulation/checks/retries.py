"""Check of retries: each is delayed according to the policy, and the order is not claimed earlier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from order_engine.domain.commands import Command
from order_engine.domain.order import Order
from order_engine.simulation.checks.record import Record, Run
from order_engine.simulation.loop.event_loop import SimulatedLoop
from order_engine.simulation.plan import Plan
from order_engine.simulation.processes.clocks import SimulatedClock

SLACK: Final = 0.001
"""Maximum rounding by a repository, in seconds."""
SLOWEST: Final = 0.9
"""Speed of the repository's time while ahead of a clock that was set back: retries are late by a ninth at most."""


class ScheduledRetry(NamedTuple):
    """Delay of a retry, its start, and by how much the repository's clock had been set by then."""

    seconds: float
    since: float
    ahead: float
    back: float


class Retries:
    """Tracks when each retry is due, by elapsed time instead of clocks."""

    def __init__(self, plan: Plan, loop: SimulatedLoop, store_clock: SimulatedClock, record: Record) -> None:
        """Start without retries."""
        self._options = plan.options
        self._loop = loop
        self._store_clock = store_clock
        self._record = record
        self._scheduled: dict[tuple[str, int], ScheduledRetry] = {}
        """By order id and token of the failed attempt: if a report is repeated, only the first one counts."""
        self.followed_back: float = 0.0
        """Seconds by which the repository's clock was set back in small steps, which a repository may follow."""

    def applied(self, command: Command) -> None:
        """Record a retry when it takes effect."""
        key = command.order_id, command.token or 0
        if key not in self._scheduled:
            ahead = self._store_clock.jumped_ahead
            self._scheduled[key] = ScheduledRetry(command.delay, self._loop.time(), ahead, self.followed_back)
            self._check_delay(command)

    def check_claimed(self, orders: Iterable[Order]) -> None:
        """Check at the time of a claim that the retries of its orders are due.

        Each retry is checked once, since the same claim may be repeated after the clock was set back.
        """
        for order in orders:
            retry_delay = self._scheduled.pop((order.order_id, order.token - 1), None)
            if retry_delay is None:
                continue
            early = (
                retry_delay.seconds - self._passed(retry_delay) - (self._store_clock.jumped_ahead - retry_delay.ahead)
            )
            if early > SLACK:
                what = f"{order.order_id} was claimed {early:.3f} s before its retry was due"
                self._record.violate("backoff", what, order.order_id)

    def is_due(self, order: Order) -> bool:
        """Return whether the retry of an order must be due by now, however the repository's clock was set."""
        retry_delay = self._scheduled.get((order.order_id, order.token))
        if retry_delay is None:
            return True
        return self._passed(retry_delay) >= retry_delay.seconds / SLOWEST + self.followed_back - retry_delay.back

    def _passed(self, retry_delay: ScheduledRetry) -> float:
        return self._loop.time() - retry_delay.since

    def _check_delay(self, command: Command) -> None:
        """Check a delay against the policy: full jitter with exponential backoff, or the delay that was requested."""
        run = self._run(command)
        if run is None or command.delay == run.retry_delay:
            return
        options, order_id = self._options, command.order_id
        if run.retry_delay is not None and not run.was_overdue(options.attempt_seconds):
            what = f"{order_id} is retried after {command.delay:.3f} s, not {run.retry_delay:.3f} s as requested"
            self._record.violate("backoff", what, order_id)
            return
        longest = min(options.backoff_cap_seconds, options.backoff_seconds * 2.0**run.order.failures)
        # A random delay is never exactly 0.
        if command.delay > longest or (longest and not command.delay):
            what = f"{order_id} is retried {command.delay:.3f} s after failure {run.order.failures + 1}"
            self._record.violate("backoff", f"{what}, the maximum being {longest:.3f} s", order_id)

    def _run(self, command: Command) -> Run | None:
        runs = self._record.runs.get(command.order_id, ())
        return next((run for run in runs if run.order.token == command.token), None)
