"""Simulated process with a real engine, from its start to its crash or exit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Final

from order_engine.application.engine import OrderEngine
from order_engine.application.worker.worker import LONGEST_STOP_AT_DRAIN
from order_engine.ports.observer import Committed, Fact, Reported
from order_engine.simulation.checks.record import Claimant, Run
from order_engine.simulation.checks.run_monitor import RunMonitor
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.loop.owners import Owner
from order_engine.simulation.network.doorbell_queue import QueueBroker
from order_engine.simulation.network.network_path import NetworkPath, drive
from order_engine.simulation.network.outages import Outages
from order_engine.simulation.network.simulated_repository import SimulatedRepository
from order_engine.simulation.processes.behaviors import OrderBehavior
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.processes.processors import SimulatedProcessor, Work
from order_engine.simulation.world import World

FARTHEST_OFF: Final = 3600.0
FASTEST: Final = 0.005
"""Maximum drift of a clock, far above that of any quartz."""
SLACK: Final = 0.5
"""Tolerance of the time limit of a drain in seconds."""


class Disconnected(Exception):
    """The process has ended or the client has disconnected: the outcome of the call is unknown."""


@dataclass(frozen=True)
class Parts:
    """Parts shared by all processes."""

    outages: Outages
    broker: QueueBroker
    work: Work | None
    behavior_of: Callable[[str], OrderBehavior]


class SimulatedProcess:
    """Process that runs an engine."""

    def __init__(self, world: World, parts: Parts, instance: str, number: int) -> None:
        """Start the process."""
        self.name = instance
        full_name = f"{instance}/{number}"
        random = world.plan.chance(full_name)
        self._world = world
        self.owner: Owner = Owner(full_name)
        self.claimant: Claimant = Claimant(full_name)
        self.run_monitor: RunMonitor = RunMonitor(world, self.owner, self.claimant)
        self.clock: SimulatedClock = _clock(world, full_name)
        self.began: float = world.loop.time()
        self._drain_began = inf
        path = NetworkPath(world, self, parts.outages, world.plan.chance(f"{full_name} calls"))
        crash = partial(self.crash, Fault.PROCESSOR_KILLS)
        self.engine: OrderEngine = OrderEngine(
            repository=SimulatedRepository(world, self, path),
            queue=parts.broker.listen(instance),
            clock=self.clock,
            processor=SimulatedProcessor(parts.work, parts.behavior_of, self.run_monitor, crash, random),
            observer=TraceObserver(world, full_name),
            random=random,
            options=world.plan.options,
        )
        self.over: asyncio.Future[None] = world.loop.create_future()
        """Done when the process has ended."""
        self._leave: asyncio.Future[None] = world.loop.create_future()
        self._open: dict[asyncio.Future[Any], float] = {}
        """Start of each unanswered call, plus its regular duration."""
        self._answering = 0
        """Number of unanswered calls."""
        world.log(full_name, "starts")
        self._task = self._start(self._live())

    @property
    def draining(self) -> bool:
        """Whether it has started to drain before the current time."""
        return self._drain_began < self._world.loop.time()

    # What the world does to it

    def ask(
        self, make: Callable[[OrderEngine], Awaitable[Any]], patience: float | None = None, seconds: float = 0.0
    ) -> asyncio.Future[Any]:
        """Make a call in this process, as a request handler would; return a future of its outcome.

        The client disconnects after `patience` seconds; None: it does not. The call may take `seconds` longer than its
        calls to the repository.
        """
        outcome: asyncio.Future[Any] = self._world.loop.create_future()
        if self.claimant.dead:
            outcome.set_exception(Disconnected())
            return outcome
        self._open[outcome] = self._world.loop.time() + seconds
        handler = self._start(self._handle(make, outcome))
        if patience is not None:
            self._world.later(patience, partial(self._disconnect, outcome, handler))
        return outcome

    def crash(self, fault: Fault, why: str) -> None:
        """Crash immediately."""
        if self.claimant.dead:
            return
        self._world.struck(fault, self.claimant.name, f"crashes: {why}")
        self.claimant.crashed = True
        self._exit()

    def pause(self, fault: Fault, seconds: float) -> None:
        """Pause the process."""
        if self.claimant.dead or not self.owner.runs:
            return
        world, now = self._world, self._world.loop.time()
        world.struck(fault, self.claimant.name, f"pauses for {seconds:.3f} s")
        self.owner.pause()
        self.claimant.pause_began()
        self.claimant.trouble(now, now + seconds + 2 * world.plan.options.lease_seconds)
        world.later(seconds, self._go_on)

    def shut_down(self, fault: Fault | None) -> None:
        """Request a shutdown, as SIGTERM does."""
        if self.claimant.dead or self._leave.done():
            return
        if fault is not None:
            self._world.struck(fault, self.claimant.name, "is asked to shut down")
        self.claimant.leaves_since = self._world.loop.time()
        self._leave.set_result(None)

    def _go_on(self) -> None:
        if not self.claimant.dead:
            self._world.log(self.claimant.name, "resumes")
            self.claimant.pause_ended(self._world.loop.time())
            self._world.loop.resume(self.owner)
        self._world.fault_ended()

    def _exit(self) -> None:
        """End the process, and answer its open calls with Disconnected."""
        self.owner.die()
        self.claimant.dead = True
        self.claimant.gone_at = self._world.loop.time()
        self._world.fault_ended()
        for outcome in self._open:
            if not outcome.done():
                outcome.set_exception(Disconnected())
        if not self.over.done():
            self.over.set_result(None)

    # What goes on in the process

    def _start(self, coroutine: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - any coroutine
        return self._world.loop.create_task(coroutine, context=self.owner.context.copy())

    async def _handle(self, make: Callable[[OrderEngine], Awaitable[Any]], outcome: asyncio.Future[Any]) -> None:
        self._answering += 1
        try:
            result = await make(self.engine)
        except asyncio.CancelledError:
            _settle(outcome, Disconnected())
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the client's answer
            _settle(outcome, without_frames(error))
        else:
            if not outcome.done():
                outcome.set_result(result)
        finally:
            self._answering -= 1
            self._open.pop(outcome, None)

    def _disconnect(self, outcome: asyncio.Future[Any], handler: asyncio.Task[None]) -> None:
        handler.cancel()
        # A task that is cancelled before it begins does not run its `finally`.
        self._open.pop(outcome, None)
        _settle(outcome, Disconnected())

    async def _live(self) -> None:
        world = self._world
        try:
            async with self.engine:
                died = asyncio.ensure_future(self.engine.ended())
                await asyncio.wait([self._leave, died], return_when=asyncio.FIRST_COMPLETED)
                if died.done():
                    await died
                await self._drain()
        except Exception as error:  # noqa: BLE001 - an engine must not fail
            if self.claimant.dead or world.loop.is_closed():
                return
            world.record.violate("the engine lives", f"{self.claimant.name} failed with {error!r}")
        world.log(self.claimant.name, "has ended")
        await world.clock.sleep(SLACK)
        if self._answering:
            what = f"{self.claimant.name} has ended with {self._answering} unanswered calls"
            world.record.violate("every call is answered", what)
        self._exit()

    async def _drain(self) -> None:
        """Drain, and check that it ends in time and leaves no leases (P9)."""
        world, options = self._world, self._world.plan.options
        began = self._drain_began = world.loop.time()
        await self.engine.drain()
        took = world.loop.time() - began
        longest = 2 * options.request_seconds + options.grace_seconds + LONGEST_STOP_AT_DRAIN + SLACK
        if self.claimant.was_paused_since(began):
            return
        if took > longest:
            world.record.violate("P9", f"{self.claimant.name} drained for {took:.2f} s; the limit is {longest:.2f} s")
        if self.engine.ready:
            world.record.violate("P9", f"{self.claimant.name} is ready although it drains")
        long_ago = began - 2 * options.lease_seconds
        troubled = self.claimant.trouble_between(long_ago, world.loop.time()) or self.claimant.last_fault > long_ago
        if not troubled and not self.claimant.met_outage:
            self._check_nothing_held()

    @property
    def overdue_runs(self) -> Iterator[Run]:
        """Runs that this process could have stopped, since it has had no faults for the duration of a lease."""
        now, lease_seconds = self._world.loop.time(), self._world.plan.options.lease_seconds
        if not self.owner.runs or self.claimant.met_outage or self.claimant.was_paused_since(now - lease_seconds):
            return
        if self.claimant.trouble_between(now - lease_seconds, now):
            return
        yield from self.run_monitor.running.values()

    def check_answers(self, longest: float) -> None:
        """Check that no call takes more than `longest` seconds, whatever the repository does."""
        moment = self._world.loop.time() - longest
        if not self.owner.runs or self.claimant.was_paused_since(moment):
            return
        late = sum(since < moment for since in self._open.values())
        if late:
            what = f"{late} calls have waited for more than {longest:.2f} s in {self.claimant.name}"
            self._world.record.violate("every call is answered", what)

    def _check_nothing_held(self) -> None:
        world = self._world
        orders = drive(world.store.get(list(world.record.known)))
        for order in orders.values():
            locked = world.locks.seconds_between(order.order_id, self._drain_began, world.loop.time())
            if order.leased and not locked and world.claimants.get(order.claim_id) is self.claimant:
                world.record.violate(
                    "P9", f"{self.claimant.name} is drained but leases {order.order_id}", order.order_id
                )


class TraceObserver:
    """Observer that adds facts to the trace."""

    def __init__(self, world: World, name: str) -> None:
        """Add facts under the name of the process."""
        self._world = world
        self._name = name

    def observe(self, fact: Fact) -> None:
        """Add a fact to the trace, unless it is a commit."""
        if self._world.trace is None or isinstance(fact, Committed):
            return
        if isinstance(fact, Reported):
            for command, answer in zip(fact.commands, fact.answers, strict=True):
                what = f"reports {command.action} on {command.order_id}, token {command.token}"
                self._world.log(self._name, f"{what}: {answer.refusal or 'applied'}", command.order_id)
        else:
            self._world.log(self._name, repr(fact))


def without_frames(error: Exception) -> Exception:
    """Remove the tracebacks of an error and its cause.

    They would create reference cycles; collecting these took a tenth of the time.
    """
    if error.__cause__ is not None:
        error.__cause__.__traceback__ = None
    return error.with_traceback(None)


def _settle(outcome: asyncio.Future[Any], error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)


def _clock(world: World, name: str) -> SimulatedClock:
    random = world.plan.chance(f"{name} clock")
    offset, rate = 0.0, 1.0
    if world.plan.likelihood[Fault.CLOCK_OFFSET]:
        offset = random.uniform(-FARTHEST_OFF, FARTHEST_OFF)
        world.struck(Fault.CLOCK_OFFSET, name, f"has a clock that is {offset:.1f} s off")
    if world.plan.likelihood[Fault.CLOCK_DRIFT]:
        rate = random.uniform(1 - FASTEST, 1 + FASTEST)
        world.struck(Fault.CLOCK_DRIFT, name, f"has a clock of rate {rate:.4f}")
    return SimulatedClock(world.loop, offset=offset, rate=rate)
