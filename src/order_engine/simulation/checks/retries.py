"""Retries: each is put off for as long as its policy says, and nobody gets the order before."""

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
"""Seconds by which a repository may round."""
SLOWEST: Final = 0.9
"""Of the repository's time, while it is ahead of a clock that was set back: a retry comes late by a ninth at most."""


class ScheduledRetry(NamedTuple):
    """How long an order is put off, since when, and how far the repository's clock had been set by then."""

    seconds: float
    since: float
    ahead: float
    back: float


class Retries:
    """Knows until when each failed order was put off, by time that passes and not by what a clock says."""

    def __init__(self, plan: Plan, loop: SimulatedLoop, store_clock: SimulatedClock, record: Record) -> None:
        """Begin with nothing put off."""
        self._options = plan.options
        self._loop = loop
        self._store_clock = store_clock
        self._record = record
        self._scheduled: dict[tuple[str, int], ScheduledRetry] = {}
        """By order and the token that failed: a report may be made twice, and only the first one counts."""
        self.followed_back: float = 0.0
        """The seconds by which the repository's clock was set back in small steps, which a repository may follow."""

    def applied(self, command: Command) -> None:
        """Note a retry at the moment of its effect."""
        key = command.order_id, command.token or 0
        if key not in self._scheduled:
            ahead = self._store_clock.jumped_ahead
            self._scheduled[key] = ScheduledRetry(command.delay, self._loop.time(), ahead, self.followed_back)
            self._check_delay(command)

    def check_claimed(self, orders: Iterable[Order]) -> None:
        """See at the moment of a claim that nothing was claimed that is put off still.

        Once: the same claim may be asked for again after the clock was set back.
        """
        for order in orders:
            retry_delay = self._scheduled.pop((order.order_id, order.token - 1), None)
            if retry_delay is None:
                continue
            early = (
                retry_delay.seconds - self._passed(retry_delay) - (self._store_clock.jumped_ahead - retry_delay.ahead)
            )
            if early > SLACK:
                what = f"{order.order_id} is claimed {early:.3f} s before its retry is due"
                self._record.violate("backoff", what, order.order_id)

    def is_due(self, order: Order) -> bool:
        """Whether an order that was put off has to be due by now, however the repository's clock was set."""
        retry_delay = self._scheduled.get((order.order_id, order.token))
        if retry_delay is None:
            return True
        return self._passed(retry_delay) >= retry_delay.seconds / SLOWEST + self.followed_back - retry_delay.back

    def _passed(self, retry_delay: ScheduledRetry) -> float:
        return self._loop.time() - retry_delay.since

    def _check_delay(self, command: Command) -> None:
        """Check a delay against the policy: full jitter under an exponential backoff, or what the processor chose."""
        run = self._run(command)
        if run is None or command.delay == run.retry_delay:
            return
        options, order_id = self._options, command.order_id
        if run.retry_delay is not None and not run.was_overdue(options.attempt_seconds):
            what = f"{order_id} is put off for {command.delay:.3f} s, and its processor said {run.retry_delay:.3f} s"
            self._record.violate("backoff", what, order_id)
            return
        longest = min(options.backoff_cap_seconds, options.backoff_seconds * 2.0**run.order.failures)
        # Chance does not draw exactly nothing.
        if command.delay > longest or (longest and not command.delay):
            what = f"{order_id} is put off for {command.delay:.3f} s after {run.order.failures + 1} failures"
            self._record.violate("backoff", f"{what}, {longest:.3f} s being the longest", order_id)

    def _run(self, command: Command) -> Run | None:
        runs = self._record.runs.get(command.order_id, ())
        return next((run for run in runs if run.order.token == command.token), None)
