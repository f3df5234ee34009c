"""The main function of long-running processes: signals, log, event loop and garbage collector."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from enum import Enum
from typing import NamedTuple, NoReturn, TypeAlias

from order_engine_adapters.process.forks import register_fork_aware
from order_engine_adapters.process.process_exit import ExitDeadline, exit_now
from order_engine_adapters.process.signals import Signals, hear_signals

YOUNG_OBJECTS = 50_000
"""New objects per collection of the youngest generation. The default of 700 (2,000 since Python 3.12) is less than the
requests in flight allocate, so that they would be scanned repeatedly."""
CANCEL_SECONDS = 2.0
"""Time limit for a cancelled start."""
HEARTBEAT_SECONDS = 0.5
"""Interval of the event loop's heartbeats while draining."""
LEFT_OVER_SECONDS = 1.0
"""Time limit for remaining tasks after everything else has ended."""


class DrainLimits(NamedTuple):
    """Time limits of a drain, in seconds from the request."""

    work: float
    """Time for running work. After it, a blocked event loop is not waited for."""
    all: float
    """Everything."""


class ProcessPhase(Enum):
    """What a termination request does."""

    LOADING = "the process ends at once"
    STARTING = "the start is cancelled"
    RUNNING = "the process drains"


class ProcessLifecycle:
    """Lifecycle of a process with an event loop, from its start to the termination request."""

    def __init__(self, signals: Signals, patience: DrainLimits) -> None:
        """Start in the loading phase, in the task that a termination request cancels."""
        self._signals = signals
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._phase = ProcessPhase.LOADING
        self._asked = asyncio.Event()

    def starts(self) -> None:
        """Begin the start: from now on there are resources to close, but nothing to drain."""
        self._phase = ProcessPhase.STARTING
        self._signals.first = self._ask

    def runs(self) -> None:
        """Complete the start: from now on a termination request drains."""
        self._phase = ProcessPhase.RUNNING

    async def asked_to_end(self) -> None:
        """Wait for a termination request."""
        await self._asked.wait()

    @property
    def start_was_cancelled(self) -> bool:
        """Whether termination was requested during the start."""
        return self._phase is ProcessPhase.STARTING and self._asked.is_set()

    def _ask(self) -> None:
        """Receive the termination request, on the signal thread because the event loop may be blocked."""
        self._limit()
        # The event loop has already ended.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take_request)

    def _take_request(self) -> None:
        self._asked.set()
        # Checked again: the start may have completed in the meantime.
        self._limit()
        self._beat()
        if self._phase is ProcessPhase.STARTING and self._task is not None:
            self._task.cancel()

    def _limit(self) -> None:
        """Set the deadline of the process."""
        now = time.monotonic()
        if self._phase is ProcessPhase.STARTING:
            self._signals.end_by(ExitDeadline(now + CANCEL_SECONDS, now + CANCEL_SECONDS))
        else:
            self._signals.end_by(ExitDeadline(now + self._patience.work, now + self._patience.all))

    def _beat(self) -> None:
        self._signals.loop_lives()
        self._loop.call_later(HEARTBEAT_SECONDS, self._beat)


Main: TypeAlias = Callable[[ProcessLifecycle], Coroutine[object, object, None]]


def run_process(main: Main, patience: DrainLimits) -> None:
    """Run `main` to its end.

    Tasks, threads and processes that a processor leaves behind are not waited for.
    """
    _allow_many_files()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    signals = hear_signals()
    runner = asyncio.Runner(loop_factory=_loop_factory())
    parent = _Parent(runner.get_loop())
    code = 1
    try:
        runner.run(_main(main, signals, patience))
        code = 0
    except BaseException as error:
        if parent.is_another_process:
            _end_child(error)
        raise
    finally:
        signals.loop_has_ended()
        _close(runner, code)


async def until_first(*waits: Awaitable[object]) -> None:
    """Wait for the first of these to end, cancel the others, and raise its error."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()


async def _main(main: Main, signals: Signals, patience: DrainLimits) -> None:
    # A starting event loop replaces the signal handlers.
    signals.listen()
    life = ProcessLifecycle(signals, patience)
    try:
        await main(life)
    except asyncio.CancelledError:
        if not life.start_was_cancelled:
            raise


class _Parent:
    """The process with the event loop, as seen from a child that a processor has forked."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._process = os.getpid()
        self._loop = loop
        register_fork_aware(self)

    @property
    def is_another_process(self) -> bool:
        return os.getpid() != self._process

    def after_fork_in_child(self) -> Iterable[int]:
        """Stop the event loop in the child: its orders, connections and tasks belong to the parent."""
        self._loop.stop()
        return ()


def _end_child(error: BaseException) -> NoReturn:
    """End a child that returned from the processor that forked it."""
    code = 1
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    elif isinstance(error, RuntimeError):
        sys.stderr.write("order-engine: a forked child returned from its processor. End the child with os._exit.\n")
    else:
        traceback.print_exception(error)
    sys.stdout.flush()
    os._exit(code)


def _close(runner: asyncio.Runner, code: int) -> None:
    """Cancel remaining tasks and close the event loop; exit the process if some of them do not end.

    Unlike asyncio's runner, which waits without a limit, also for the threads of `asyncio.to_thread`.
    """
    left = runner.run(_end_what_is_left())
    if not left:
        runner.get_loop().close()
    elif code == 0:
        logging.getLogger("order_engine").warning("%d tasks did not stop; they end with the process.", left)
        exit_now(code, farewell=True)


async def _end_what_is_left() -> int:
    """Cancel every task. Return the number of those that did not end in time."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    pending: set[asyncio.Task[object]] = set()
    if tasks:
        _, pending = await asyncio.wait(tasks, timeout=LEFT_OVER_SECONDS)
    with suppress(TimeoutError):
        async with asyncio.timeout(LEFT_OVER_SECONDS):
            await asyncio.get_running_loop().shutdown_asyncgens()
    return len(pending)


def _allow_many_files() -> None:
    """Raise the limit of open files to its maximum: each connection is one, and the default is often 1,024."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not there on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop factory if it is installed; some platforms lack it."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop
