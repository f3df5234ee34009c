"""Conversion of any kind of processor to an awaitable call."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent import futures
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TypeAlias

from order_engine.application.retry_policy import failure_reason
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from order_engine.application.worker.threads import NO_THREAD, Threads
from order_engine.domain.errors import AttemptNotStarted
from order_engine.domain.order import Order
from order_engine.ports.processor import OrderProcessor, PlainProcessor

IGNORED_CANCELLATIONS = 1

AwaitableProcessor: TypeAlias = Callable[[Order], Awaitable[object]]


def as_coroutine(processor: OrderProcessor | PlainProcessor, threads: Threads) -> AwaitableProcessor:
    """Return `processor` itself, or a wrapper that runs a plain function in `threads`.

    Pass its result to `finish`.
    """
    return processor if is_coroutine_processor(processor) else ThreadedProcessor(processor, threads)


async def finish(result: object) -> None:
    """Await a coroutine or future that a processor returned.

    Raises TypeError for results that show that the work was not done: a generator or a function.
    """
    if isinstance(result, futures.Future):
        result = asyncio.wrap_future(result)
    if inspect.isawaitable(result):
        result = await result
    if result is not None and (kind := _undone_work(result)):
        if inspect.iscoroutine(result):
            result.close()
        message = f"the processor returned {kind}, which has not run, instead of doing the work"
        raise TypeError(message)


def _undone_work(result: object) -> str | None:
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        return "a generator"
    if inspect.isawaitable(result) or isinstance(result, futures.Future):
        return "an awaitable of an awaitable"
    if inspect.isroutine(result) or isinstance(result, partial):
        return "a function"
    return None


_Ending: TypeAlias = "tuple[object, BaseException | None]"


class ThreadedProcessor:
    """Runs a plain function in threads.

    A thread cannot be cancelled: the attempt lasts, and occupies its slot, until the function returns. A second
    cancellation abandons the thread.
    """

    def __init__(self, function: Callable[[Order], object], threads: Threads) -> None:
        """Run `function` in `threads`."""
        self._function = function
        self._threads = threads

    async def __call__(self, order: Order) -> object:
        """Run the function on `order` and return its result.

        Raises AttemptNotStarted if no thread can be started.
        """
        result, error = await self._ending(order)
        if error is not None:
            raise error
        return result

    async def _ending(self, order: Order) -> _Ending:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[_Ending] = loop.create_future()
        context = copy_context()

        def notify(ending: _Ending) -> None:
            # The loop may be closed: a stopping process does not wait for a function that hangs.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, ended, ending)

        def run() -> Callable[[], None]:
            # Pass the error as a value: a StopIteration cannot be set as a future's exception.
            result, error = None, None
            try:
                result = context.run(self._function, order)
            except BaseException as raised:  # noqa: BLE001 - whatever the user's function raises is its outcome
                error = raised
            return partial(notify, (result, error))

        try:
            self._threads.run(run, f"order_engine-{order.order_id}")
        except NO_THREAD as error:
            message = f"Cannot start a thread for the processor: {failure_reason(error)}."
            raise AttemptNotStarted(message) from error
        cancellations = 0
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError:
                cancellations += 1
                if cancellations > IGNORED_CANCELLATIONS:
                    raise
        return ended.result()


def _settle(ended: asyncio.Future[_Ending], ending: _Ending) -> None:
    if not ended.done():
        ended.set_result(ending)
