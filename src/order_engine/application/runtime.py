"""Lifetime of an engine: start, background tasks, drain, stop."""

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
"""Poll intervals without an answer of the repository after which it is probed. A worker's poll usually comes first."""


class State(Enum):
    """State of an engine. It only moves forward."""

    NEW = "has not been started: use it with `async with`"
    RUNNING = "is running"
    DRAINING = "is draining"
    DRAINED = "is drained"
    STOPPED = "has stopped"


class Readiness(StrEnum):
    """Whether orders may be sent to an engine, or the reason not to."""

    READY = "ready"
    STARTING = "starting"
    DRAINING = "draining"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    """The repository does not answer, or writes fail."""
    EXHAUSTED = "exhausted"
    """No attempt can start, for lack of threads or memory."""


class Runtime:
    """Owns the background tasks of an engine."""

    def __init__(
        self, context: EngineContext, placer: Placer, doorbell: Doorbell, waiters: Waiters, worker: Worker | None
    ) -> None:
        """Create the runtime without starting it."""
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
        """Whether the engine accepts orders."""
        return self._state is State.RUNNING and self._tasks is not None and not self._tasks.done()

    @property
    def readiness(self) -> Readiness:
        """Whether to send orders to this engine, or the reason not to. After `retire`, it counts as draining."""
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
        """Whether the engine is drained or stopped."""
        return self._state in {State.DRAINED, State.STOPPED}

    def retire(self) -> None:
        """Announce that the engine is about to drain, so that clients use other processes."""
        self._retired = True

    def require_running(self) -> None:
        """Raise NotRunning unless the engine accepts orders and the caller runs in its event loop."""
        if self.runs and self._is_in_own_loop():
            return
        self.require_started()
        message = f"The engine {self._state.value} and accepts no orders. Nothing was stored; use another process."
        raise NotRunning(message)

    def require_started(self) -> None:
        """Raise NotRunning outside `async with`, and WrongEventLoop in another event loop.

        A call from another event loop would wait forever.
        """
        if self._state in {State.NEW, State.STOPPED} or self._tasks is None:
            message = f"The engine {self._state.value}."
            raise NotRunning(message)
        self._require_own_loop()
        if self._tasks.done():
            message = "The engine has stopped after an internal error, which leaving `async with` raises."
            raise NotRunning(message)

    def start(self) -> None:
        """Start all tasks. Raises NotRunning if the engine was started before."""
        if self._state is not State.NEW:
            message = f"The engine {self._state.value}. An engine can be started only once: create a new one."
            raise NotRunning(message)
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._tasks = asyncio.create_task(self._run_tasks(), name="order_engine")
        self._state = State.RUNNING

    async def drain(self) -> None:
        """Drain, or wait for the drain in progress. Cancelling the caller does not stop it."""
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
        """Wait until all tasks have ended; raise their error. Cancelling the caller does not stop them."""
        self.require_started()
        if self._tasks is not None:
            await asyncio.wait([self._tasks])
            if not self._tasks.cancelled():
                self._tasks.result()

    async def stop(self) -> None:
        """Stop all tasks, including an interrupted drain. Raises the error of a task that failed."""
        self._require_own_loop()
        self._state = State.STOPPED
        tasks = [task for task in (self._draining, self._tasks) if task is not None]
        try:
            if self._worker is not None:
                await self._worker.abandon()
        finally:
            # Also if this call is cancelled.
            for task in tasks:
                task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome

    def _is_in_own_loop(self) -> bool:
        """Return whether the caller runs in the event loop in which the engine was started."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _require_own_loop(self) -> None:
        """Raise WrongEventLoop unless the caller runs in the event loop in which the engine was started."""
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
        """Run all background tasks. If one fails, all are stopped, and the engine with them."""
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
            # Leases are no longer renewed or watched, so no processor may continue.
            if self._worker is not None:
                self._worker.cancel_attempts()

    async def _summarize(self) -> NoReturn:
        """Let the observer report summaries regularly and at the end."""
        context = self._context
        try:
            while True:
                await context.clock.sleep(context.options.poll_seconds)
                context.observer.summarize(last=False)
        finally:
            context.observer.summarize(last=True)

    async def _probe(self) -> NoReturn:
        """Check the availability of the repository if no other calls do, so that `ready` is up to date.

        During an outage, check writes and reads; otherwise, check reads after a while without calls.
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
