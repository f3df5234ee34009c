"""Deterministic event loop with virtual time and a seeded choice among ready callbacks."""

from __future__ import annotations

import asyncio
from asyncio import Future, events
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple, Unpack, cast

from order_engine.simulation.loop.owners import OWNER, Owner, OwnerState, Step

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")

MOST_STEPS_AT_ONCE: Final = 1_000_000
"""Maximum number of callbacks without time passing; beyond it, there is an endless loop."""
MOST_WAITS_AT_THE_END: Final = 100
"""Maximum number of awaits of a coroutine that is being closed."""


class Stalled(Exception):
    """The simulation cannot continue: nothing is scheduled although tasks wait, or there is an endless loop."""


class SimulatedTask(asyncio.Task[Answer]):
    """Task whose hash is its number in its loop, so that sets of tasks have the same order in every run.

    The number is assigned when asyncio first calls the hash, as the last step of its constructor: a constructor in
    Python would make each task 50 % slower.
    """

    _serial: int | None = None

    def __hash__(self) -> int:
        """Return the number."""
        if self._serial is None:
            self._serial = next(cast("SimulatedLoop", self.get_loop()).task_serials)
        return self._serial

    def __eq__(self, other: object) -> bool:
        """Whether it is the very same task."""
        return self is other


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in virtual time, without threads, sockets or a real clock.

    The seeded `random` chooses among the first `disorder` ready callbacks; 1 is the order of asyncio's own loops. Time
    advances only when no callback is ready. Methods that need the operating system raise NotImplementedError.
    """

    def __init__(self, random: Random, disorder: int = 1, longest: float = inf) -> None:
        """Start at time 0; raise Stalled after `longest` seconds."""
        self._longest = longest
        self._random = random.random
        self._disorder = disorder
        self.now: float = 0.0
        """Virtual seconds since the start."""
        self._ready: deque[Step] = deque()
        self._timers: list[tuple[float, int, Step]] = []
        self._serial = count()
        self.task_serials: count[int] = count()
        """Numbers for tasks, separate for each loop, since the order of a set depends on the numbers."""
        self._world = Owner("world")
        self._closed = False
        self.on_failure: Callable[[], object] = lambda: None
        """Called after each uncaught exception."""
        self.failures: list[dict[str, Any]] = []
        """Uncaught exceptions: the contexts that asyncio passes to a loop's exception handler."""
        self.steps: int = 0
        """Number of callbacks run so far."""

    # Interface of asyncio loops

    def time(self) -> float:
        """Return the virtual seconds since the start."""
        return self.now

    def call_soon(
        self, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments, context: Context | None = None
    ) -> Any:  # noqa: ANN401 - as asyncio's
        """Run `callback` without time passing."""
        if context is None:
            context = copy_context()
        step = Step((callback, args, context, context.get(OWNER, self._world), self.now))
        self._ready.append(step)
        return step

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> Any:  # noqa: ANN401 - as asyncio's
        """Run `callback` at `when`."""
        if context is None:
            context = copy_context()
        step = Step((callback, args, context, context.get(OWNER, self._world), when))
        heappush(self._timers, (when, next(self._serial), step))
        return step

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> Any:  # noqa: ANN401 - as asyncio's
        """Run `callback` after `delay` seconds."""
        if context is None:
            context = copy_context()
        when = self.now + delay
        step = Step((callback, args, context, context.get(OWNER, self._world), when))
        heappush(self._timers, (when, next(self._serial), step))
        return step

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> NoReturn:
        """Raise NotImplementedError: threads would make the simulation nondeterministic."""
        message = "Threads are not supported in a simulation: call the function directly, or simulate its duration."
        raise NotImplementedError(message)

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002 - asyncio's signature
        func: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
    ) -> NoReturn:
        """Raise NotImplementedError, as `call_soon_threadsafe` does."""
        self.call_soon_threadsafe(func, *args)

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Answer] | Coroutine[Any, Any, Answer],
        *,
        name: object = None,
        context: Context | None = None,
        **settings: Any,  # noqa: ANN401 - what later Pythons add
    ) -> asyncio.Task[Answer]:
        """Start a task. The default name contains no counter, since that would depend on previous simulations."""
        if self._closed:
            coro.close()
            message = "The simulation is over."
            raise RuntimeError(message)
        return SimulatedTask(coro, loop=self, name=str(name or "-"), context=context, **settings)

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def is_running(self) -> bool:
        """Whether it is not closed."""
        return not self._closed

    def is_closed(self) -> bool:
        """Whether the simulation is over."""
        return self._closed

    def close(self) -> None:
        """Close the loop; callbacks scheduled from now on do not run."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Record an uncaught exception, unless the loop is closed."""
        if not self._closed:
            self.failures.append(context)
            self.on_failure()

    default_exception_handler = call_exception_handler

    # Running

    def call_as_world(self, callback: Callable[..., object], *args: Any, delay: float = 0.0) -> Step:  # noqa: ANN401
        """Run `callback` after `delay`, independent of pauses and crashes of processes."""
        when = self.now + delay
        step = Step((callback, args, self._world.context, self._world, when))
        heappush(self._timers, (when, next(self._serial), step))
        return step

    def resume(self, owner: Owner) -> None:
        """End the pause of `owner`; callbacks scheduled in the meantime are ready."""
        self._ready.extend(owner.go_on())

    def run_until_complete(self, future: Any) -> Any:  # noqa: ANN401 - as asyncio's
        """Run until `future`, a coroutine of the world, is done; return its result. Raises Stalled."""
        task = self.create_task(future, context=self._world.context)
        with self._running():
            self._run(task)
        return task.result()

    def unwind(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Close the coroutines of abandoned tasks, ignoring their errors."""
        with self._running():
            for task in tasks:
                with suppress(BaseException):
                    _close(task.get_coro())

    @contextmanager
    def _running(self) -> Iterator[None]:
        before = events._get_running_loop()  # noqa: SLF001 - made for those who write loops
        events._set_running_loop(self)  # noqa: SLF001
        try:
            yield
        finally:
            events._set_running_loop(before)  # noqa: SLF001

    def _run(self, task: asyncio.Task[Any]) -> None:
        """Run callbacks until `task` is done. Not split into functions, since this is the simulation's hot loop."""
        ready, random, disorder, runs = self._ready, self._random, self._disorder, OwnerState.RUNS
        budget = MOST_STEPS_AT_ONCE
        while not task.done():
            while not ready:
                self.steps += MOST_STEPS_AT_ONCE - budget
                budget = MOST_STEPS_AT_ONCE
                self._let_time_pass()
            waiting = len(ready)
            if disorder == 1 or waiting == 1:
                step = ready.popleft()
            else:
                place = int(random() * (min(waiting, disorder)))
                step = ready[place]
                del ready[place]
            callback, args, context, owner, _ = step
            if callback is None:
                continue
            if owner.state is not runs:
                owner.kept.append(step)
                continue
            budget -= 1
            if not budget:
                message = f"{MOST_STEPS_AT_ONCE} callbacks ran at {self.now:.6f} s without time passing"
                raise Stalled(message)
            try:
                context.run(callback, *args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a callback raises, as asyncio's loops do
                self.call_exception_handler({"message": f"{callback} raised", "exception": error})

    def _let_time_pass(self) -> None:
        """Advance to the time of the next timer."""
        timers = self._timers
        while timers and timers[0][2][0] is None:
            heappop(timers)
        if not timers:
            message = f"nothing is scheduled after {self.now:.6f} s, but tasks are waiting"
            raise Stalled(message)
        now, ready = max(self.now, timers[0][0]), self._ready
        self.now = now
        if now > self._longest:
            message = f"not finished after {self._longest:.0f} s"
            raise Stalled(message)
        runs = OwnerState.RUNS
        while timers and timers[0][0] <= now:
            step = heappop(timers)[2]
            if step[0] is wake and step[3].state is runs:
                # It only makes other callbacks ready. These were a quarter of all steps.
                wake(*step[1])
            else:
                ready.append(step)


def wake(waiting: Future[Any], result: object = None) -> None:
    """Set the result of a future unless it is done. Used as the callback of timers."""
    if not waiting.done():
        waiting.set_result(result)


def _close(coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any] | None) -> None:
    """Close a coroutine, repeatedly if it awaits in `finally`. Raises any error that it raises."""
    for _ in range(MOST_WAITS_AT_THE_END):
        try:
            if coroutine is not None:
                coroutine.close()
        except RuntimeError:
            # It awaited while being closed: close it again.
            continue
        return
