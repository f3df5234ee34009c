"""One simulation, from its seed to its verdict."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from order_engine.application.worker.processor_kinds import check_processor
from order_engine.domain.order import NewOrder, Order
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine.simulation.checks.deadlines import check_answers, check_reports, check_runs
from order_engine.simulation.checks.ledger import Ledger
from order_engine.simulation.checks.record import Violation
from order_engine.simulation.checks.recovery import RecoveryCheck
from order_engine.simulation.checks.verdicts import Verdicts
from order_engine.simulation.clients.clients import Clients
from order_engine.simulation.clients.operators import Reader, redrive_failed_orders
from order_engine.simulation.faults.kinds import ALL, Fault, FaultCounts
from order_engine.simulation.faults.schedule import FaultSchedule
from order_engine.simulation.loop.event_loop import SimulatedLoop, Stalled
from order_engine.simulation.network.doorbell_queue import QueueBroker
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.network.outages import Outages
from order_engine.simulation.orders import some_order
from order_engine.simulation.plan import Plan, Sizes, draw_plan
from order_engine.simulation.processes.behaviors import OrderBehavior, draw_behaviors
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.processes.instances import Fleet
from order_engine.simulation.processes.processors import Work
from order_engine.simulation.processes.simulated_process import Parts
from order_engine.simulation.trace import Trace
from order_engine.simulation.world import World

Store: TypeAlias = Callable[[Clock], AbstractContextManager[OrderRepository]]
"""Opens an empty repository that uses the given clock and answers without waiting."""
Orders: TypeAlias = Callable[[Random, int], NewOrder]
"""Creates the order with the given number. Its id must be set and unique."""

LONGEST_SECONDS = 3600.0
"""Virtual seconds after which a simulation is stalled: the longest of 10,000 simulations took 400."""
SECONDS_BETWEEN_CHECKS = 0.5
"""Lease durations between two checks of the metrics while faults occur."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Definition of a simulation."""

    store: Store
    make_work: Callable[[], Work] | None = None
    """Creates the processor under test for each seed; None: a processor that only behaves as the seed plans."""
    check: Callable[[Sequence[Order]], object] | None = None
    """Checks all orders at the end of each seed; an exception counts as a violation."""
    orders: Orders = some_order
    sizes: Sizes = field(default_factory=Sizes)
    faults: frozenset[Fault] = ALL


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one simulation."""

    plan: Plan
    orders: int
    virtual_seconds: float
    steps: int
    faults: FaultCounts
    violations: Sequence[Violation]
    trace: Trace | None


def run_seed(scenario: Scenario, seed: int, *, trace: bool = False) -> Outcome:
    """Simulate one seed; with `trace`, record a trace. Deterministic: a seed always yields the same trace."""
    with _without_collections():
        return _run_seed(scenario, seed, trace=trace)


def _run_seed(scenario: Scenario, seed: int, *, trace: bool) -> Outcome:
    plan = draw_plan(seed, scenario.sizes, scenario.faults)
    loop = SimulatedLoop(plan.chance("loop"), plan.disorder, LONGEST_SECONDS)  # type: ignore[abstract] # no network
    store_clock = SimulatedClock(loop)
    with scenario.store(store_clock) as store:
        world = World(plan, loop, store_clock, store, Trace() if trace else None)
        try:
            _simulate(world, scenario)
        finally:
            violations = list(world.record.violations)
            # Closing the coroutines of dead processes is not part of the trace.
            recorded, world.trace = world.trace, None
            _clear_up(loop)
    outcome = Outcome(plan, len(world.record.known), loop.time(), loop.steps, world.fault_counts, violations, recorded)
    # Break the reference cycle between processes and world, so that everything is freed by reference counting. The
    # garbage collector took a tenth of the time.
    vars(world).clear()
    return outcome


@contextmanager
def _without_collections() -> Iterator[None]:
    """Disable garbage collection.

    A collection would close the coroutines of dead processes at a time that depends on all previous allocations.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _simulate(world: World, scenario: Scenario) -> None:
    simulation = _Simulation(world, scenario)
    if world.plan.disorder > 1:
        world.struck(Fault.DISORDER, "loop", f"chooses among {world.plan.disorder} callbacks")
    try:
        world.loop.run_until_complete(simulation.run())
    except Stalled as stalled:
        world.record.violate("the engine lives", str(stalled))


class _Simulation:
    """All parts of one simulation."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        plan = world.plan
        random = plan.chance("orders")
        orders = [scenario.orders(random, number) for number in range(plan.orders)]
        order_ids = [order.order_id or "" for order in orders]
        self._behaviors: dict[str, OrderBehavior] = dict(zip(order_ids, draw_behaviors(plan, random), strict=True))
        self._world = world
        outages = Outages()
        work = scenario.make_work() if scenario.make_work is not None else None
        if work is not None:
            check_processor(work)
        self._check, self._has_work = scenario.check, work is not None
        parts = Parts(outages, QueueBroker(world), work, self._behaviors.__getitem__)
        self._fleet = Fleet(world, parts)
        self._fault_schedule = FaultSchedule(world, self._fleet, outages)
        long_ones = {
            key for key, behavior in self._behaviors.items() if behavior.takes_long(plan.options.lease_seconds)
        }
        self._clients = Clients(world, self._fleet, orders, long_ones)
        self._reader = Reader(world, self._clients)
        self._ledger = Ledger(world)

    async def run(self) -> None:
        """Run until the verdict, or until the first violation."""
        broken: asyncio.Future[None] = self._world.loop.create_future()

        def stop() -> None:
            if not broken.done():
                broken.set_result(None)

        self._world.record.on_violation = self._world.loop.on_failure = stop
        course = asyncio.ensure_future(self._run_phases())
        await asyncio.wait([course, broken], return_when=asyncio.FIRST_COMPLETED)
        if course.done():
            course.result()
        for failure in self._world.loop.failures:
            self._world.record.violate("errors", f"uncaught: {failure}")

    async def _run_phases(self) -> None:
        """Inject faults, wait until all orders have ended, and check the result."""
        world = self._world
        running = [asyncio.ensure_future(instance.run()) for instance in self._fleet.instances]
        others = [
            asyncio.ensure_future(self._clients.run()),
            asyncio.ensure_future(self._reader.follow()),
            asyncio.ensure_future(redrive_failed_orders(world, self._clients)),
            asyncio.ensure_future(self._check_ledger()),
        ]
        await self._fault_schedule.run()
        world.faults_over = True
        world.fault_ended()
        world.log("world", "no more faults from now on")
        await asyncio.gather(*others)
        # A slow call may take effect long after its caller has timed out, and after everything else has ended.
        await asyncio.sleep(max(0.0, world.last_fault - world.loop.time()) + world.plan.latency)
        faults_over = RecoveryCheck(world, self._fleet, self._ledger, self._behaviors, is_limited=not self._has_work)
        await faults_over.watch()
        await faults_over.wait_until_ready()
        while await self._reader.read_page():
            # The process that is called may have stopped, and another takes time to start.
            await world.clock.sleep(world.plan.latency)
        for instance in self._fleet.instances:
            instance.close()
        await asyncio.gather(*running)
        Verdicts(world, self._ledger, self._behaviors, self._reader.events).judge()
        if self._check is not None:
            self._run_user_check(self._check)

    def _run_user_check(self, check: Callable[[Sequence[Order]], object]) -> None:
        orders = drive(self._world.store.get(list(self._world.record.known)))
        try:
            check(list(orders.values()))
        except Exception as error:  # noqa: BLE001 - a user's check may raise anything
            self._world.record.violate("your own check", f"{type(error).__name__}: {error}")

    async def _check_ledger(self) -> None:
        while not self._world.faults_over:
            await asyncio.sleep(self._world.plan.options.lease_seconds * SECONDS_BETWEEN_CHECKS)
            self._ledger.check()
            check_runs(self._world, self._fleet)
            check_answers(self._world, self._fleet)
            check_reports(self._world, drive(self._world.store.get(list(self._ledger.unfinished))).values())


def _clear_up(loop: SimulatedLoop) -> None:
    """Close the remaining tasks of dead processes."""
    tasks = sorted(asyncio.all_tasks(loop), key=hash)
    loop.close()
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio's own gather does
    loop.unwind(tasks)
    for task in tasks:
        # Break the reference cycle between a waiting task and its future.
        with suppress(BaseException):
            task.cancel()
    loop.close()
