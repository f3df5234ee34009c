"""The processor as one life of one instance has it: the work itself, and what its deed makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, TypeAlias

from order_engine.application.worker.processors import finish
from order_engine.domain.errors import Rejected, RetryLater
from order_engine.domain.order import Order
from order_engine.simulation.checks.record import Ending, Run
from order_engine.simulation.checks.witness import Witness
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.processes.behaviors import Deed, Nature

Work: TypeAlias = Callable[[Order], Awaitable[object] | object]
"""A user's processor: a coroutine function, or a function that takes no time."""
SHORT: Final = 100
"""Letters of an error's text that no store cuts."""


class ItFailed(Exception):
    """What a processor raises whose deed is to fail."""


class SimulatedProcessor:
    """Does the work on an order as its nature wants it, seen by a witness."""

    def __init__(
        self,
        work: Work | None,
        nature_of: Callable[[str], Nature],
        witness: Witness,
        crash: Callable[[str], None],
        random: Random,
    ) -> None:
        """Do `work`; `crash` kills the instance."""
        self._work = work
        self._nature_of = nature_of
        self._witness = witness
        self._crash = crash
        self._random = random
        # Quicker than `asyncio.sleep`, and on the same time.
        self._clock = witness.clock

    async def __call__(self, order: Order) -> None:
        """Run once."""
        witness = self._witness
        run, number = witness.began(order)
        deed = self._nature_of(order.order_id).deed(number)
        if deed.fault is not None:
            witness.met(deed.fault, order)
        try:
            await self._perform(deed, order, run)
        except asyncio.CancelledError:
            witness.ended(run, Ending.CANCELLED)
            raise
        except Exception as error:
            task = asyncio.current_task()
            run.stopped = task is not None and task.cancelling() > 0
            run.raised = _beginning_of_its_reason(error)
            run.rejected = _is_or_holds(error, Rejected)
            run.put_off = _delay_chosen_by(error)
            witness.ended(run, Ending.RAISED)
            raise
        witness.ended(run, Ending.RETURNED)

    async def _perform(self, deed: Deed, order: Order, run: Run) -> None:
        fault = deed.fault
        if fault is Fault.PROCESSOR_STUBBORN:
            await self._ignore_everything(deed.seconds, run)
        elif deed.seconds:
            await self._clock.sleep(deed.seconds)
        is_before = fault is not None and self._random.random() < 0.5  # noqa: PLR2004 - an even chance
        if not is_before:
            await self._do_work(order)
        if fault is Fault.PROCESSOR_KILLS:
            self._crash(f"the processor of {order.order_id}")
            await asyncio.get_running_loop().create_future()
        elif fault is Fault.PROCESSOR_HANGS:
            await asyncio.get_running_loop().create_future()
        elif fault is Fault.PROCESSOR_FAILS:
            raise ItFailed(order.order_id)
        elif fault is Fault.PROCESSOR_REJECTS:
            message = "this order is not wanted"
            raise _as_or_in_a_group(Rejected(message), order)
        elif fault is Fault.PROCESSOR_PUTS_OFF:
            raise _as_or_in_a_group(RetryLater(self._random.uniform(0, 2)), order)
        if is_before:
            await self._do_work(order)

    async def _do_work(self, order: Order) -> None:
        if self._work is None:
            return
        try:
            await finish(self._work(order))
        except NotImplementedError as error:
            # It would fail each time, and a simulation of nothing but failures finds no fault with anybody.
            self._witness.cannot_work(order, error)
            raise

    async def _ignore_everything(self, seconds: float, run: Run) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            try:
                await self._clock.sleep(left)
            except asyncio.CancelledError:
                run.stubborn = True


def _as_or_in_a_group(error: Exception, order: Order) -> Exception:
    """Return the error as it is, or as a processor raises it that works in a TaskGroup: beside another error."""
    if order.token % 2:
        return error
    return ExceptionGroup("several steps failed", [ItFailed(order.order_id), ExceptionGroup("one step", [error])])


def _is_or_holds(error: BaseException, kind: type[BaseException]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(kind) is not None
    return isinstance(error, kind)


def _delay_chosen_by(error: BaseException) -> float | None:
    """Return the longest delay that a RetryLater asks for, which may be one of a group's errors."""
    if isinstance(error, BaseExceptionGroup):
        delays = [delay for each in error.exceptions if (delay := _delay_chosen_by(each)) is not None]
        return max(delays, default=None)
    return getattr(error, "seconds", None) if isinstance(error, RetryLater) else None


def _beginning_of_its_reason(error: Exception) -> str:
    """Return how a reason has to begin that tells `error`: all of it, where there is nothing to be cut or mended."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a user's error may fail to tell itself in any way
        return name
    return f"{name}: {text}" if text and text.isprintable() and len(text) < SHORT else name
