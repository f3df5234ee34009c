"""Interruption of short-running commands at safe points.

A signal handler that raises does so anywhere in the main thread. Within the internals of an event loop, that leaves
half-created transports that print errors when they are collected (seen in CPython 3.11 to 3.13).
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from order_engine_adapters.process.signals import TERMINATION_SIGNALS, Terminated

Answer = TypeVar("Answer")


class Interrupts:
    """Records the first SIGINT or SIGTERM within its context; the second one is raised at once.

    Ignored signals stay ignored. Has no effect outside the main thread.
    """

    def __init__(self) -> None:
        """Start without a signal."""
        self._noted: signal.Signals | None = None
        self._act: Callable[[], object] = bool
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Install the signal handlers."""
        if threading.current_thread() is threading.main_thread():
            for each in TERMINATION_SIGNALS:
                before = signal.getsignal(each)
                if callable(before):
                    self._before[each] = before
                    signal.signal(each, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the previous signal handlers."""
        for each, before in self._before.items():
            signal.signal(each, before)

    def at_first(self, act: Callable[[], object]) -> None:
        """Call `act` on the main thread at the first signal, or now if it has arrived."""
        self._act = act
        if self._noted is not None:
            act()

    def check(self) -> None:
        """Raise KeyboardInterrupt or Terminated if a signal has arrived."""
        if self._noted is not None:
            raise Terminated if self._noted is signal.SIGTERM else KeyboardInterrupt

    def _note(self, number: int, _frame: object) -> None:
        self.check()
        self._noted = signal.Signals(number)
        self._act()


def run_interruptible(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine on a new event loop and return its result.

    The first SIGINT or SIGTERM cancels it and raises KeyboardInterrupt or Terminated when it has ended, whatever its
    result. The second one raises at once.
    """
    with Interrupts() as interrupts:
        try:
            with asyncio.Runner() as runner:
                answer = runner.run(_cancelled_by(interrupts, work))
        except BaseException:
            interrupts.check()
            raise
        interrupts.check()
        return answer


async def _cancelled_by(interrupts: Interrupts, work: Coroutine[Any, Any, Answer]) -> Answer:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        # Nothing awaits the remaining tasks any more, so their errors would be logged as never retrieved.
        loop.set_exception_handler(_say_nothing)
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    interrupts.at_first(cancel)
    return await work


def _say_nothing(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    pass
