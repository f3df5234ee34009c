"""Deadlines that a running process must meet: stopping attempts, answering calls, retrying and reporting."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from order_engine.domain.order import Order
from order_engine.simulation.checks.record import Claimant, Run
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.processes.instances import Fleet
from order_engine.simulation.world import World

SLACK: Final = 0.25
"""Tolerance of every limit in seconds, for calls in transit."""
CALLS_OF_THE_REPOSITORY: Final = 4
"""Maximum number of repository calls in one call of the engine: two for its batch, two for the batch before."""
PART_OF_LEASE: Final = 1 / 2
"""Covers a renewal after a third of a lease, and a check of the limits after a twelfth."""


def check_runs(world: World, fleet: Fleet) -> None:
    """Check that no processor keeps running after it was superseded, cancelled, or exceeded its time limit."""
    now, lease_seconds = world.loop.time(), world.plan.options.lease_seconds
    for process in fleet.processes:
        for run in process.overdue_runs:
            if now - run.began < lease_seconds * PART_OF_LEASE + SLACK:
                continue
            if world.locks.seconds_between(run.order.order_id, now - lease_seconds, now):
                # While the order was locked, the process could not learn about its lease or a cancel request.
                continue
            if run.stubborn:
                _check_given_up(world, run)
            elif problem := _why_it_should_have_stopped(world, run, now - lease_seconds * PART_OF_LEASE - SLACK):
                order_id = run.order.order_id
                what = f"{order_id} still runs in {run.claimant.name} with token {run.order.token}: {problem}"
                world.record.violate("limits", what, order_id)


def check_answers(world: World, fleet: Fleet) -> None:
    """Check that every call is answered within the time limits of the repository calls that it makes."""
    longest = CALLS_OF_THE_REPOSITORY * world.plan.options.request_seconds + SLACK + 20 * world.plan.latency
    for process in fleet.processes:
        process.check_answers(longest)


def _check_given_up(world: World, run: Run) -> None:
    """Check that the order of a processor that ignores cancellation was released in time."""
    options = world.plan.options
    longest = options.attempt_seconds + options.stop_seconds + options.lease_seconds * PART_OF_LEASE + SLACK
    # An unanswered call delays the reports behind it.
    if not options.attempt_seconds or world.loop.time() - run.began < longest or run.claimant.last_fault > run.began:
        return
    order: Order = drive(world.store.get([run.order.order_id]))[run.order.order_id]
    if order.leased and order.token == run.order.token:
        what = f"{order.order_id} is still leased for a processor that ignores cancellation"
        world.record.violate("limits", what, order.order_id)


def _why_it_should_have_stopped(world: World, run: Run, long_ago: float) -> str:
    """Return why this run should have stopped, by what was known at `long_ago`; empty if it may continue."""
    order_id = run.order.order_id
    limit = world.plan.options.attempt_seconds
    if limit and run.began + limit < long_ago:
        return f"its time limit is {limit:.2f} s"
    requested = world.record.of(order_id).cancel_requested
    if requested is not None and requested < long_ago:
        return "its cancellation was requested"
    if any(other.order.token > run.order.token and other.began < long_ago for other in world.record.runs[order_id]):
        return "it was superseded"
    return ""


def check_retries(world: World, orders: Iterable[Order]) -> None:
    """Check that no retry is delayed by more than the backoff cap, unless the processor requested it."""
    longest = timedelta(seconds=world.plan.options.backoff_cap_seconds + SLACK)
    if world.jumped:
        return
    for order in orders:
        runs = world.record.runs[order.order_id]
        if order.due is None or not runs or runs[-1].retry_delay is not None:
            continue
        if order.due - order.updated_at > longest:
            what = f"the retry of {order.order_id} is delayed by {order.due - order.updated_at}"
            world.record.violate("backoff", what, order.order_id)


def check_reports(world: World, orders: Iterable[Order]) -> None:
    """Check that a processor that has ended is reported soon, even if reports on other orders are delayed."""
    now, options, latency = world.loop.time(), world.plan.options, world.plan.latency
    batches = options.concurrency / options.batch_orders + CALLS_OF_THE_REPOSITORY
    longest = options.lease_seconds * PART_OF_LEASE + SLACK + 2 * latency * batches
    for order in orders:
        run = next((each for each in world.record.runs[order.order_id] if each.order.token == order.token), None)
        if not order.leased or run is None or run.ended is None or now - run.ended < longest:
            continue
        begin = run.ended - options.lease_seconds
        if world.locks.seconds_between(order.order_id, begin, now) or _was_hindered(run.claimant, begin, now):
            continue
        what = f"{order.order_id} ended {now - run.ended:.2f} s ago in {run.claimant.name} and is not reported"
        world.record.violate("neighbours", what, order.order_id)


def _was_hindered(claimant: Claimant, begin: float, end: float) -> bool:
    """Return whether a fault kept a process from reporting between `begin` and `end`."""
    if claimant.dead or claimant.met_outage or claimant.was_paused_since(begin):
        return True
    return claimant.last_fault > begin or claimant.trouble_between(begin, end) > 0
