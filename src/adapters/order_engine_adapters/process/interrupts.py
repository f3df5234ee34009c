"""Commands that end by themselves, interrupted before: at a place that is fit for it.

A handler that raises does so wherever the main thread is. In the middle of an event loop's own work that leaves half
made transports behind, which complain on standard error when they are collected (seen in CPython 3.11 to 3.13).
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
    """Notes the first SIGINT or SIGTERM while it is entered; a second one is raised at once.

    A signal that the process ignores stays ignored. On other threads than the main one nothing is noted.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self._noted: signal.Signals | None = None
        self._act: Callable[[], object] = bool
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over."""
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
        """Give the signals back to whoever heard them before."""
        for each, before in self._before.items():
            signal.signal(each, before)

    def at_first(self, act: Callable[[], object]) -> None:
        """Call `act`, on the main thread, when the first signal comes, or now where it has come."""
        self._act = act
        if self._noted is not None:
            act()

    def check(self) -> None:
        """Raise KeyboardInterrupt or Terminated where a signal has come."""
        if self._noted is not None:
            raise Terminated if self._noted is signal.SIGTERM else KeyboardInterrupt

    def _note(self, number: int, _frame: object) -> None:
        self.check()
        self._noted = signal.Signals(number)
        self._act()


def run_interruptible(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what a coroutine returns, run by an event loop of its own.

    The first SIGINT or SIGTERM cancels it. Raises KeyboardInterrupt or Terminated then, whatever became of the work,
    and at once at a second one.
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
