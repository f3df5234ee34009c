"""Recovery after the last fault: processing must resume soon, and all orders must end (P7)."""

from __future__ import annotations

import asyncio
from typing import Final

from order_engine.domain.order import LifecycleState, Order
from order_engine.simulation.checks.deadlines import check_answers, check_reports, check_retries, check_runs
from order_engine.simulation.checks.ledger import Ledger
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.processes.behaviors import OrderBehavior
from order_engine.simulation.processes.instances import LONGEST_RESTART, Fleet
from order_engine.simulation.world import World

LOOKS_PER_POLL: Final = 2
SLACK: Final = 0.25
"""Tolerance of every limit in seconds, for calls in transit and the interval between checks."""
LONGEST_RETRY_DELAY: Final = 2.0


class RecoveryCheck:
    """Watches the orders that have not ended when the last fault is over."""

    def __init__(
        self,
        world: World,
        fleet: Fleet,
        ledger: Ledger,
        behaviors: dict[str, OrderBehavior],
        *,
        is_limited: bool = True,
    ) -> None:
        """Start at the last fault. Unless `is_limited`, processors may run for any time."""
        self._is_limited = is_limited or bool(world.plan.options.attempt_seconds)
        self._world = world
        self._fleet = fleet
        self._ledger = ledger
        options = world.plan.options
        self._interval = options.poll_seconds / LOOKS_PER_POLL
        self._soon = options.poll_seconds + self._interval + SLACK + 20 * world.plan.latency
        self._longest_rest = self._soon + options.lease_seconds + _longest_step(world, behaviors)
        self._claimable_since: dict[str, tuple[int, float]] = {}
        self._last_change = 0.0
        self._events = (0, 0)

    async def watch(self) -> None:
        """Wait until all orders have ended, or until a deadline is violated."""
        world = self._world
        while True:
            self._ledger.check()
            if not self._ledger.unfinished:
                return
            orders: list[Order] = list(drive(world.store.get(list(self._ledger.unfinished))).values())
            self._check_progress(orders)
            self._check_at_work(orders)
            check_runs(world, self._fleet)
            check_answers(world, self._fleet)
            check_retries(world, orders)
            check_reports(world, orders)
            if world.record.violations:
                return
            await asyncio.sleep(self._interval)

    async def wait_until_ready(self) -> None:
        """Wait until all processes are ready again, or until this takes too long, which is a violation (P7)."""
        world = self._world
        longest = self._soon + world.plan.options.lease_seconds + world.plan.options.request_seconds
        while not world.record.violations:
            waiting = [process for process in self._fleet.processes if not process.engine.ready]
            if not waiting:
                return
            for process in waiting:
                waits = world.loop.time() - max(process.began, world.last_fault)
                if waits > longest and process.claimant.leaves_since > world.loop.time():
                    world.record.violate("ready", f"{process.claimant.name} is not ready after {waits:.2f} s")
            await asyncio.sleep(self._interval)

    def _check_progress(self, orders: list[Order]) -> None:
        """Check that some order makes progress, until all have ended."""
        now = self._world.loop.time()
        events = sum(order.version for order in orders), len(orders)
        if events != self._events or self._is_working():
            self._events, self._last_change = events, now
        since = max(self._last_change, self._world.last_fault)
        if now - since > self._longest_rest:
            left = [order.order_id for order in orders if not order.status.ended]
            what = f"no progress for {now - since:.2f} s on {len(left)} orders that have not ended"
            self._world.record.violate("P7", what, *left[:5])

    def _is_working(self) -> bool:
        """Return whether a processor without a time limit is running."""
        return not self._is_limited and any(process.run_monitor.running for process in self._fleet.processes)

    def _check_at_work(self, orders: list[Order]) -> None:
        """Check that with a free slot, every non-suspect order is processed within a lease and a poll interval."""
        now = self._world.loop.time()
        for process in self._fleet.processes:
            if not process.run_monitor.has_free_slot:
                process.claimant.last_progress = now
        idle_since = min((process.claimant.last_progress for process in self._fleet.processes), default=now)
        for order in orders:
            since = self._waits_since(order, now)
            if since is None:
                continue
            latest = max(since, idle_since, self._world.last_fault + self._world.plan.options.lease_seconds)
            if now - latest > self._soon:
                what = f"{order.order_id} has been waiting for {now - since:.2f} s with a free slot"
                self._world.record.violate("P7", what, order.order_id)

    def _waits_since(self, order: Order, now: float) -> float | None:
        """Return since when a non-suspect order may be claimed; None if it may not be claimed or is a suspect."""
        if order.status.ended or order.vanished or not self._may_be_claimed(order):
            return None
        version, since = self._claimable_since.get(order.order_id, (0, now))
        if version != order.version:
            since = now
            self._claimable_since[order.order_id] = (order.version, now)
        return since

    def _may_be_claimed(self, order: Order) -> bool:
        # An expired lease makes the order a suspect, for which there is no deadline.
        if order.state is LifecycleState.LEASED:
            return False
        return order.due is None or self._world.retries.is_due(order)


def _longest_step(world: World, behaviors: dict[str, OrderBehavior]) -> float:
    """Return the longest time between two events of an order: its longest run plus its longest wait."""
    options = world.plan.options
    longest_run = max(max(behavior.seconds, behavior.fault_seconds) for behavior in behaviors.values())
    if options.attempt_seconds:
        longest_run = max(longest_run, options.attempt_seconds) + options.stop_seconds
    return (
        longest_run + max(options.backoff_cap_seconds, LONGEST_RETRY_DELAY) + LONGEST_RESTART + options.request_seconds
    )
