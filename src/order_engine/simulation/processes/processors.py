"""Processor of one process: the user's work, combined with planned faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, TypeAlias

from order_engine.application.worker.processors import finish
from order_engine.domain.errors import Rejected, RetryLater
from order_engine.domain.order import Order
from order_engine.simulation.checks.record import Run, RunEnd
from order_engine.simulation.checks.run_monitor import RunMonitor
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.processes.behaviors import OrderBehavior, RunBehavior

Work: TypeAlias = Callable[[Order], Awaitable[object] | object]
"""User's processor: a coroutine function, or a function that takes no time."""
SHORT: Final = 100
"""Length of an error's text that is never truncated."""


class SimulatedFailure(Exception):
    """Planned failure of a processor."""


class SimulatedProcessor:
    """Processes orders with their planned behavior, observed by a run monitor."""

    def __init__(
        self,
        work: Work | None,
        behavior_of: Callable[[str], OrderBehavior],
        run_monitor: RunMonitor,
        crash: Callable[[str], None],
        random: Random,
    ) -> None:
        """Run `work`; `crash` crashes the process."""
        self._work = work
        self._behavior_of = behavior_of
        self._run_monitor = run_monitor
        self._crash = crash
        self._random = random
        # Faster than `asyncio.sleep`, with the same time.
        self._clock = run_monitor.clock

    async def __call__(self, order: Order) -> None:
        """Run once."""
        run_monitor = self._run_monitor
        run, number = run_monitor.began(order)
        of_run = self._behavior_of(order.order_id).of_run(number)
        if of_run.fault is not None:
            run_monitor.met(of_run.fault, order)
        try:
            await self._perform(of_run, order, run)
        except asyncio.CancelledError:
            run_monitor.ended(run, RunEnd.CANCELLED)
            raise
        except Exception as error:
            task = asyncio.current_task()
            run.stopped = task is not None and task.cancelling() > 0
            run.raised = _reason_prefix(error)
            run.rejected = _contains(error, Rejected)
            run.retry_delay = _requested_delay(error)
            run_monitor.ended(run, RunEnd.RAISED)
            raise
        run_monitor.ended(run, RunEnd.RETURNED)

    async def _perform(self, of_run: RunBehavior, order: Order, run: Run) -> None:
        fault = of_run.fault
        if fault is Fault.PROCESSOR_STUBBORN:
            await self._ignore_everything(of_run.seconds, run)
        elif of_run.seconds:
            await self._clock.sleep(of_run.seconds)
        is_before = fault is not None and self._random.random() < 0.5  # noqa: PLR2004 - an even chance
        if not is_before:
            await self._do_work(order)
        if fault is Fault.PROCESSOR_KILLS:
            self._crash(f"the processor of {order.order_id}")
            await asyncio.get_running_loop().create_future()
        elif fault is Fault.PROCESSOR_HANGS:
            await asyncio.get_running_loop().create_future()
        elif fault is Fault.PROCESSOR_FAILS:
            raise SimulatedFailure(order.order_id)
        elif fault is Fault.PROCESSOR_REJECTS:
            message = "this order is not wanted"
            raise _maybe_grouped(Rejected(message), order)
        elif fault is Fault.PROCESSOR_PUTS_OFF:
            raise _maybe_grouped(RetryLater(self._random.uniform(0, 2)), order)
        if is_before:
            await self._do_work(order)

    async def _do_work(self, order: Order) -> None:
        if self._work is None:
            return
        try:
            await finish(self._work(order))
        except NotImplementedError as error:
            # It would fail in every run, and a simulation of failures only would find nothing.
            self._run_monitor.note_unsupported(order, error)
            raise

    async def _ignore_everything(self, seconds: float, run: Run) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            try:
                await self._clock.sleep(left)
            except asyncio.CancelledError:
                run.stubborn = True


def _maybe_grouped(error: Exception, order: Order) -> Exception:
    """Return the error itself, or in an exception group with another error, as a TaskGroup raises it."""
    if order.token % 2:
        return error
    return ExceptionGroup(
        "several steps failed", [SimulatedFailure(order.order_id), ExceptionGroup("one step", [error])]
    )


def _contains(error: BaseException, kind: type[BaseException]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(kind) is not None
    return isinstance(error, kind)


def _requested_delay(error: BaseException) -> float | None:
    """Return the longest delay requested by a RetryLater, also within an exception group."""
    if isinstance(error, BaseExceptionGroup):
        delays = [delay for each in error.exceptions if (delay := _requested_delay(each)) is not None]
        return max(delays, default=None)
    return getattr(error, "seconds", None) if isinstance(error, RetryLater) else None


def _reason_prefix(error: Exception) -> str:
    """Return the required prefix of the reason for `error`: all of it, unless it may be truncated or sanitized."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return name
    return f"{name}: {text}" if text and text.isprintable() and len(text) < SHORT else name
