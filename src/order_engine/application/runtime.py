"""The life of an engine: starting, running its tasks, draining, ending."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum, StrEnum
from typing import NoReturn

from order_engine.application.calls.availability import PROBE, READING_PROBE
from order_engine.application.context import EngineContext
from order_engine.application.doorbell import Doorbell
from order_engine.application.placer import Placer
from order_engine.application.time_limits import ended_within
from order_engine.application.waiters import Waiters
from order_engine.application.worker.worker import Worker
from order_engine.domain.errors import NotRunning, OrderEngineError, WrongEventLoop

SILENT_POLLS = 3
"""Poll intervals without a word of the repository after which it is asked for one. A worker's own poll comes first."""


class State(Enum):
    """Where an engine is in its life, which goes in one direction only."""

    NEW = "has not been started: use it with `async with`"
    RUNNING = "is running"
    DRAINING = "is draining"
    DRAINED = "is drained"
    STOPPED = "has stopped"


class Readiness(StrEnum):
    """Whether orders may be sent to an engine, and if not, why."""

    READY = "ready"
    STARTING = "starting"
    DRAINING = "draining"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    """The repository does not answer, or takes no changes."""
    EXHAUSTED = "exhausted"
    """No attempt can be started, for a lack of threads or memory."""


class Runtime:
    """Owns every task that lasts as long as the engine."""

    def __init__(
        self, context: EngineContext, placer: Placer, doorbell: Doorbell, waiters: Waiters, worker: Worker | None
    ) -> None:
        """Begin with an engine that is not started."""
        self._context = context
        self._placer = placer
        self._doorbell = doorbell
        self._waiters = waiters
        self._worker = worker
        self._state = State.NEW
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._retired = False
        self._tasks: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        """Whether the engine takes new work."""
        return self._state is State.RUNNING and self._tasks is not None and not self._tasks.done()

    @property
    def readiness(self) -> Readiness:
        """Whether to send orders here, and if not, why. A process that will drain soon says that it drains."""
        if self.runs and not self._retired:
            if self._context.availability.unavailable:
                return Readiness.UNAVAILABLE
            can_start = self._worker is None or self._worker.can_start
            return Readiness.READY if can_start else Readiness.EXHAUSTED
        if self._state is State.NEW:
            return Readiness.STARTING
        has_died = self._tasks is not None and self._tasks.done()
        return Readiness.STOPPED if self._state is State.STOPPED or has_died else Readiness.DRAINING

    @property
    def is_drained(self) -> bool:
        """Whether nothing is left to do here: the engine has drained, or has stopped."""
        return self._state in {State.DRAINED, State.STOPPED}

    def retire(self) -> None:
        """Announce that the engine will drain soon, so that nobody should begin to send it orders."""
        self._retired = True

    def require_running(self) -> None:
        """Raise NotRunning unless the engine takes new work, from a caller in its event loop."""
        if self.runs and self._is_in_own_loop():
            return
        self.require_started()
        message = f"The engine {self._state.value} and accepts no orders. Nothing was stored; use another process."
        raise NotRunning(message)

    def require_started(self) -> None:
        """Raise NotRunning unless the engine reads and acts on orders: from its start to the end of `async with`.

        Only callers in its event loop are answered: what a call waits for in another one would never come.
        """
        if self._state in {State.NEW, State.STOPPED} or self._tasks is None:
            message = f"The engine {self._state.value}."
            raise NotRunning(message)
        self._require_own_loop()
        if self._tasks.done():
            message = "The engine has stopped after an internal error, which leaving `async with` raises."
            raise NotRunning(message)

    def start(self) -> None:
        """Start every task. Raises NotRunning at a second start."""
        if self._state is not State.NEW:
            message = f"The engine {self._state.value}. An engine can be started only once: create a new one."
            raise NotRunning(message)
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._tasks = asyncio.create_task(self._run_tasks(), name="order_engine")
        self._state = State.RUNNING

    async def drain(self) -> None:
        """Drain, or wait until the drain that is under way is done. A caller that is cancelled does not end it."""
        if self._state is State.NEW:
            self.require_started()
        self._require_own_loop()
        if self._draining is None:
            self._state = State.DRAINING
            self._context.changes.notify()
            self._draining = asyncio.create_task(self._drain(), name="order_engine drain")
        await asyncio.wait([self._draining])
        if self._draining.cancelled():
            message = "The engine was stopped before it was drained."
            raise NotRunning(message)
        self._draining.result()

    async def ended(self) -> None:
        """Return when no task runs any more; raise what they died of. A caller that is cancelled does not end them."""
        self.require_started()
        if self._tasks is not None:
            await asyncio.wait([self._tasks])
            if not self._tasks.cancelled():
                self._tasks.result()

    async def stop(self) -> None:
        """End every task. A drain that was interrupted ends here too. Raises what a task died of."""
        self._require_own_loop()
        self._state = State.STOPPED
        tasks = [task for task in (self._draining, self._tasks) if task is not None]
        try:
            if self._worker is not None:
                await self._worker.abandon()
        finally:
            # Also where this exit is itself cancelled in the middle.
            for task in tasks:
                task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome

    def _is_in_own_loop(self) -> bool:
        """Whether the caller runs in the event loop that the engine was started in."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _require_own_loop(self) -> None:
        """Raise WrongEventLoop unless the caller runs in the event loop that the engine was started in."""
        if self._loop is None or self._is_in_own_loop():
            return
        if os.getpid() != self._process:
            what = "was started in the parent process, before a fork: create an engine in this process"
        elif not self._loop.is_running():
            what = "was started in an event loop that has stopped: create a new engine in the current event loop"
        else:
            what = (
                "runs in another event loop: submit the call to that loop, with "
                "`asyncio.run_coroutine_threadsafe(engine.place(order), loop).result()` from a thread"
            )
        message = f"The engine {what}."
        raise WrongEventLoop(message)

    async def _run_tasks(self) -> None:
        """Run all of them: if one dies, all end, and the engine with them."""
        loops: list[Coroutine[object, object, object]] = [
            self._context.calls.limits.watch(),
            self._placer.batcher.run(),
            self._placer.batcher.busy.run(),
            self._doorbell.run(),
            self._waiters.run(),
            self._waiters.poll(),
            self._probe(),
        ]
        if self._context.observer.summarizes:
            loops.append(self._summarize())
        if self._worker is not None:
            loops.extend(self._worker.loops())
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            # Nobody renews and watches any more, whatever ended the loops: no processor may run on.
            if self._worker is not None:
                self._worker.cancel_attempts()

    async def _summarize(self) -> NoReturn:
        """Let the observer sum up what it holds back, now and then and at the end."""
        context = self._context
        try:
            while True:
                await context.clock.sleep(context.options.poll_seconds)
                context.observer.summarize(last=False)
        finally:
            context.observer.summarize(last=True)

    async def _probe(self) -> NoReturn:
        """See whether the repository is there where nobody else asks: `ready` has to be true to the present.

        While it is away, whether it takes changes again, and where not, whether it can be read; otherwise whether it
        answers at all.
        """
        context = self._context
        availability = context.availability
        poll_seconds = context.options.poll_seconds
        while True:
            await context.clock.sleep(poll_seconds)
            if availability.unavailable:
                await asyncio.gather(self._ask_to_change(), self._ask_to_read())
            elif availability.seconds_since_answer >= poll_seconds * SILENT_POLLS:
                await self._ask_to_read()

    async def _ask_to_change(self) -> None:
        with suppress(OrderEngineError):
            await self._context.calls.ask(PROBE, 0, self._context.repository.apply([]))

    async def _ask_to_read(self) -> None:
        with suppress(OrderEngineError):
            await self._context.calls.ask(READING_PROBE, 0, self._context.repository.statistics())

    async def _drain(self) -> None:
        options = self._context.options
        if self._worker is not None:
            self._worker.stop_claiming()
        await ended_within(self._context.clock, options.request_seconds, self._placer.batcher.idle())
        if self._worker is not None:
            await self._worker.drain(options.grace_seconds)
        self._state = State.DRAINED
        self._context.changes.notify()
