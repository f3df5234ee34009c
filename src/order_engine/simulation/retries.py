"""Retries: each is put off for as long as its policy says, and nobody gets the order before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from order_engine.domain.commands import Command
from order_engine.domain.order import Order
from order_engine.simulation.clocks import SimulatedClock
from order_engine.simulation.plan import Plan
from order_engine.simulation.record import Record, Run

SLACK: Final = timedelta(milliseconds=1)
"""By how much a repository may round."""


class Retries:
    """Knows until when each failed order was put off, by the repository's time."""

    def __init__(self, plan: Plan, store_clock: SimulatedClock, record: Record) -> None:
        """Begin with nothing put off."""
        self._options = plan.options
        self._store_clock = store_clock
        self._record = record
        self._due: dict[tuple[str, int], datetime] = {}
        """By order and the token that failed: a report may be made twice, and only the first one counts."""

    def applied(self, command: Command) -> None:
        """Note a retry at the moment of its effect."""
        key = command.order_id, command.token or 0
        if key not in self._due:
            self._due[key] = self._store_clock.now() + timedelta(seconds=command.delay)
            self._check_delay(command)

    def check_claimed(self, orders: Iterable[Order]) -> None:
        """See at the moment of a claim that nothing was claimed that is put off still.

        Once: the same claim may be asked for again after the clock was set back.
        """
        now = self._store_clock.now()
        for order in orders:
            due = self._due.pop((order.order_id, order.token - 1), None)
            if due is not None and now + SLACK < due:
                what = f"{order.order_id} is claimed {(due - now).total_seconds():.3f} s before its retry is due"
                self._record.violate("backoff", what, order.order_id)

    def _check_delay(self, command: Command) -> None:
        """Check a delay against the policy: full jitter under an exponential backoff, or what the processor chose."""
        run = self._run(command)
        if run is None or command.delay == run.put_off:
            return
        options, order_id = self._options, command.order_id
        if run.put_off is not None and not run.was_overdue(options.attempt_seconds):
            what = f"{order_id} is put off for {command.delay:.3f} s, and its processor said {run.put_off:.3f} s"
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
