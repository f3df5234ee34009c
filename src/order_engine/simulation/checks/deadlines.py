"""What a process owes while it runs: to stop what it may no longer run, and to put nothing off for too long."""

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
"""Seconds on top of every limit: the calls that are on their way."""
CALLS_OF_THE_REPOSITORY: Final = 4
"""That are waited for in one call of the engine: its batch asks twice, and so does the batch before it."""
PART_OF_LEASE: Final = 1 / 2
"""A renewal comes after a third of a lease, and a watch of the limits after a twelfth."""


def check_runs(world: World, fleet: Fleet) -> None:
    """No processor goes on for long that was superseded, is to be cancelled, or has no time left."""
    now, lease_seconds = world.loop.time(), world.plan.options.lease_seconds
    for process in fleet.processes:
        for run in process.overdue_runs:
            if now - run.began < lease_seconds * PART_OF_LEASE + SLACK:
                continue
            if world.locks.seconds_between(run.order.order_id, now - lease_seconds, now):
                # What its lease says, and what was asked of it, could not be known here.
                continue
            if run.stubborn:
                _check_given_up(world, run)
            elif problem := _why_it_should_have_stopped(world, run, now - lease_seconds * PART_OF_LEASE - SLACK):
                order_id = run.order.order_id
                what = f"{order_id} still runs in {run.claimant.name} under token {run.order.token}: {problem}"
                world.record.violate("limits", what, order_id)


def check_answers(world: World, fleet: Fleet) -> None:
    """Every call is answered within the limits of the repository's calls that it makes, and one more for the way."""
    longest = CALLS_OF_THE_REPOSITORY * world.plan.options.request_seconds + SLACK + 20 * world.plan.latency
    for process in fleet.processes:
        process.check_answers(longest)


def _check_given_up(world: World, run: Run) -> None:
    """Check that a processor that ignores its cancellation has lost its order in time, which goes on elsewhere."""
    options = world.plan.options
    longest = options.attempt_seconds + options.stop_seconds + options.lease_seconds * PART_OF_LEASE + SLACK
    # A call that is not answered keeps the reports behind it waiting.
    if not options.attempt_seconds or world.loop.time() - run.began < longest or run.claimant.last_fault > run.began:
        return
    order: Order = drive(world.store.get([run.order.order_id]))[run.order.order_id]
    if order.leased and order.token == run.order.token:
        what = f"{order.order_id} is still held for a processor that ignores its cancellation"
        world.record.violate("limits", what, order.order_id)


def _why_it_should_have_stopped(world: World, run: Run, long_ago: float) -> str:
    """Return why this run should have been stopped by now, by what was known `long_ago`; empty: it may go on."""
    order_id = run.order.order_id
    limit = world.plan.options.attempt_seconds
    if limit and run.began + limit < long_ago:
        return f"it may take {limit:.2f} s"
    requested = world.record.of(order_id).cancel_requested
    if requested is not None and requested < long_ago:
        return "it is to be cancelled"
    if any(other.order.token > run.order.token and other.began < long_ago for other in world.record.runs[order_id]):
        return "it was superseded"
    return ""


def check_retries(world: World, orders: Iterable[Order]) -> None:
    """No retry is put off for longer than the backoff's cap, unless the processor said so."""
    longest = timedelta(seconds=world.plan.options.backoff_cap_seconds + SLACK)
    if world.jumped:
        return
    for order in orders:
        runs = world.record.runs[order.order_id]
        if order.due is None or not runs or runs[-1].retry_delay is not None:
            continue
        if order.due - order.updated_at > longest:
            what = f"{order.order_id} is put off for {order.due - order.updated_at}"
            world.record.violate("backoff", what, order.order_id)


def check_reports(world: World, orders: Iterable[Order]) -> None:
    """See that a processor that has ended is reported soon, whatever keeps the reports on other orders."""
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
        what = f"{order.order_id} has been done for {now - run.ended:.2f} s in {run.claimant.name} and is not reported"
        world.record.violate("neighbours", what, order.order_id)


def _was_hindered(claimant: Claimant, begin: float, end: float) -> bool:
    """Whether something kept a process from its reports between these moments."""
    if claimant.dead or claimant.met_outage or claimant.was_paused_since(begin):
        return True
    return claimant.last_fault > begin or claimant.trouble_between(begin, end) > 0
