"""A deterministic event loop: virtual time, and a seeded choice among the callbacks that are ready."""

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
"""Callbacks that may run without time passing. Beyond it something goes round in a circle."""
MOST_WAITS_AT_THE_END: Final = 100
"""How often a coroutine may wait for something while it is closed."""


class Stalled(Exception):
    """Nothing is left to happen although somebody still waits, or something goes on without time passing."""


class SimulatedTask(asyncio.Task[Answer]):
    """A task whose hash is its number in its loop, so that a set of tasks has the same order in every run.

    asyncio asks for the hash when it enters the task among all tasks, as its constructor's last step: the number is
    taken then, for a constructor in Python would cost each task half as much again.
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
    """Runs callbacks one after the other, in virtual time, without a thread, a socket or a wall clock.

    Among the first `disorder` callbacks that are ready the seeded `random` chooses; 1 is the order of asyncio's own
    loops. Time passes only when nothing is ready. Whatever needs the world outside raises NotImplementedError.
    """

    def __init__(self, random: Random, disorder: int = 1, longest: float = inf) -> None:
        """Begin at time 0 with nothing to do; after `longest` seconds it is Stalled."""
        self._longest = longest
        self._random = random.random
        self._disorder = disorder
        self.now: float = 0.0
        """Virtual seconds since the beginning."""
        self._ready: deque[Step] = deque()
        self._timers: list[tuple[float, int, Step]] = []
        self._serial = count()
        self.task_serials: count[int] = count()
        """Numbers for tasks, each loop's own: the order of a set of tasks depends on how large their numbers are."""
        self._world = Owner("world")
        self._closed = False
        self.on_failure: Callable[[], object] = lambda: None
        """Called whenever something was not caught."""
        self.failures: list[dict[str, Any]] = []
        """What nobody caught: the contexts that asyncio hands to a loop's exception handler."""
        self.steps: int = 0
        """Callbacks run so far."""

    # What asyncio asks of a loop

    def time(self) -> float:
        """Return the virtual seconds since the beginning."""
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
        """Refuse: a second thread would make chance of what the seed decides."""
        message = "There are no threads in a simulation: call the function itself, or give it a simulated duration."
        raise NotImplementedError(message)

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002 - asyncio's signature
        func: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
    ) -> NoReturn:
        """Refuse, as `call_soon_threadsafe` does."""
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
        """Start a task. Without a name it has none, so that no counter outside of the simulation shows."""
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
        """End: what is scheduled from now on is not run."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Remember what nobody caught, unless it comes of clearing up."""
        if not self._closed:
            self.failures.append(context)
            self.on_failure()

    default_exception_handler = call_exception_handler

    # Running

    def call_as_world(self, callback: Callable[..., object], *args: Any, delay: float = 0.0) -> Step:  # noqa: ANN401
        """Run `callback` after `delay` as the world's own: no pause and no death of a process holds it up."""
        when = self.now + delay
        step = Step((callback, args, self._world.context, self._world, when))
        heappush(self._timers, (when, next(self._serial), step))
        return step

    def resume(self, owner: Owner) -> None:
        """End the pause of `owner`: what came up meanwhile is ready."""
        self._ready.extend(owner.go_on())

    def run_until_complete(self, future: Any) -> Any:  # noqa: ANN401 - as asyncio's
        """Run until `future`, a coroutine of the world, is done; return its result. Raises Stalled."""
        task = self.create_task(future, context=self._world.context)
        with self._running():
            self._run(task)
        return task.result()

    def unwind(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Close the coroutines of tasks that nobody runs any more, whatever they raise."""
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
        """Run callback after callback. Written out in one place, for this is what a simulation does all the time."""
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
        """Go to the next moment at which something is due."""
        timers = self._timers
        while timers and timers[0][2][0] is None:
            heappop(timers)
        if not timers:
            message = f"nothing is left to happen at {self.now:.6f} s, and somebody still waits"
            raise Stalled(message)
        now, ready = max(self.now, timers[0][0]), self._ready
        self.now = now
        if now > self._longest:
            message = f"it is not over after {self._longest:.0f} s"
            raise Stalled(message)
        runs = OwnerState.RUNS
        while timers and timers[0][0] <= now:
            step = heappop(timers)[2]
            if step[0] is wake and step[3].state is runs:
                # All it does is to make others ready, among whom is chosen then. A quarter of all steps was this.
                wake(*step[1])
            else:
                ready.append(step)


def wake(waiting: Future[Any], result: object = None) -> None:
    """Give what is waited for, unless nobody waits any more: what a timer calls that has nothing else to do."""
    if not waiting.done():
        waiting.set_result(result)


def _close(coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any] | None) -> None:
    """Close a coroutine, as often as it waits for something in its `finally`. Raises whatever it raises."""
    for _ in range(MOST_WAITS_AT_THE_END):
        try:
            if coroutine is not None:
                coroutine.close()
        except RuntimeError:
            # Closed again, it goes on from there.
            continue
        return
