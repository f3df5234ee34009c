"""One life of one instance: a real engine in a simulated process, from its start to its crash or its exit."""

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
"""By how much a clock may run fast or slow: far more than any quartz does."""
SLACK: Final = 0.5
"""Seconds on top of what a drain may take: its last steps, and the time of the calls."""


class Disconnected(Exception):
    """The process that was asked is gone, or the client went away: nobody knows what became of the call."""


@dataclass(frozen=True)
class Parts:
    """What the lives of all instances share."""

    outages: Outages
    broker: QueueBroker
    work: Work | None
    behavior_of: Callable[[str], OrderBehavior]


class SimulatedProcess:
    """A process with an engine in it."""

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
        """Done when the process is gone."""
        self._leave: asyncio.Future[None] = world.loop.create_future()
        self._open: dict[asyncio.Future[Any], float] = {}
        """Since when each call may be waited for that is not answered yet."""
        self._answering = 0
        """Calls that have begun and are not answered yet."""
        world.log(full_name, "starts")
        self._task = self._start(self._live())

    @property
    def draining(self) -> bool:
        """Whether it had begun to drain before this moment."""
        return self._drain_began < self._world.loop.time()

    # What the world does to it

    def ask(
        self, make: Callable[[OrderEngine], Awaitable[Any]], patience: float | None = None, seconds: float = 0.0
    ) -> asyncio.Future[Any]:
        """Make a call in this process, as a request's handler would; return where its outcome goes.

        The client disconnects after `patience` seconds; None: it does not. The call may take `seconds` longer than
        those of the repository that it makes.
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
        """Die at once."""
        if self.claimant.dead:
            return
        self._world.struck(fault, self.claimant.name, f"dies: {why}")
        self.claimant.crashed = True
        self._exit()

    def pause(self, fault: Fault, seconds: float) -> None:
        """Do nothing for so long."""
        if self.claimant.dead or not self.owner.runs:
            return
        world, now = self._world, self._world.loop.time()
        world.struck(fault, self.claimant.name, f"pauses for {seconds:.3f} s")
        self.owner.pause()
        self.claimant.pause_began()
        self.claimant.trouble(now, now + seconds + 2 * world.plan.options.lease_seconds)
        world.later(seconds, self._go_on)

    def shut_down(self, fault: Fault | None) -> None:
        """Begin to end, as at SIGTERM."""
        if self.claimant.dead or self._leave.done():
            return
        if fault is not None:
            self._world.struck(fault, self.claimant.name, "is asked to shut down")
        self.claimant.leaves_since = self._world.loop.time()
        self._leave.set_result(None)

    def _go_on(self) -> None:
        if not self.claimant.dead:
            self._world.log(self.claimant.name, "goes on")
            self.claimant.pause_ended(self._world.loop.time())
            self._world.loop.resume(self.owner)
        self._world.fault_ended()

    def _exit(self) -> None:
        """Be gone: nothing of the process runs any more, and whoever asked it hears of that."""
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
        # One that is cancelled before it began has no `finally` to do so.
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
        except Exception as error:  # noqa: BLE001 - an engine has no business to die of anything
            if self.claimant.dead or world.loop.is_closed():
                return
            world.record.violate("the engine lives", f"{self.claimant.name} died of {error!r}")
        world.log(self.claimant.name, "has ended")
        await world.clock.sleep(SLACK)
        if self._answering:
            what = f"{self.claimant.name} has ended and left {self._answering} calls without an answer"
            world.record.violate("every call is answered", what)
        self._exit()

    async def _drain(self) -> None:
        """Drain, and see that it ends in time and leaves nothing held (P9)."""
        world, options = self._world, self._world.plan.options
        began = self._drain_began = world.loop.time()
        await self.engine.drain()
        took = world.loop.time() - began
        longest = 2 * options.request_seconds + options.grace_seconds + LONGEST_STOP_AT_DRAIN + SLACK
        if self.claimant.was_paused_since(began):
            return
        if took > longest:
            world.record.violate(
                "P9", f"{self.claimant.name} drained for {took:.2f} s, {longest:.2f} s being its limit"
            )
        if self.engine.ready:
            world.record.violate("P9", f"{self.claimant.name} is ready although it drains")
        long_ago = began - 2 * options.lease_seconds
        troubled = self.claimant.trouble_between(long_ago, world.loop.time()) or self.claimant.last_fault > long_ago
        if not troubled and not self.claimant.met_outage:
            self._check_nothing_held()

    @property
    def overdue_runs(self) -> Iterator[Run]:
        """The runs that this process has had the time and the calls to stop since it last was in trouble."""
        now, lease_seconds = self._world.loop.time(), self._world.plan.options.lease_seconds
        if not self.owner.runs or self.claimant.met_outage or self.claimant.was_paused_since(now - lease_seconds):
            return
        if self.claimant.trouble_between(now - lease_seconds, now):
            return
        yield from self.run_monitor.running.values()

    def check_answers(self, longest: float) -> None:
        """See that no call takes more than `longest` seconds, whatever the repository does."""
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
                    "P9", f"{self.claimant.name} has drained and holds {order.order_id}", order.order_id
                )


class TraceObserver:
    """An observer that tells the story what the engine says of itself."""

    def __init__(self, world: World, name: str) -> None:
        """Tell it under the instance's name."""
        self._world = world
        self._name = name

    def observe(self, fact: Fact) -> None:
        """Tell a fact, unless it is that all is well."""
        if self._world.trace is None or isinstance(fact, Committed):
            return
        if isinstance(fact, Reported):
            for command, answer in zip(fact.commands, fact.answers, strict=True):
                what = f"reports {command.action} on {command.order_id}, token {command.token}"
                self._world.log(self._name, f"{what}: {answer.refusal or 'applied'}", command.order_id)
        else:
            self._world.log(self._name, repr(fact))


def without_frames(error: Exception) -> Exception:
    """Return an error that holds none of the frames it came through, nor those of what caused it.

    They would hold it and everything else in a circle, for the garbage collector to find: a tenth of the time.
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
