"""The user's processor, whatever its kind, as one coroutine function."""

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
    """Return `processor` itself, or a plain function that runs in `threads`.

    What the processor returned is for `finish`.
    """
    return processor if is_coroutine_processor(processor) else ThreadedProcessor(processor, threads)


async def finish(result: object) -> None:
    """Wait for work that a processor returned instead of doing it: a coroutine, a future.

    Raises TypeError for what nobody will ever do: a generator, of which nothing has run, or a function.
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

    A thread cannot be cancelled: the attempt lasts until the function returns, and keeps its slot so long. A second
    cancellation lets go of the thread.
    """

    def __init__(self, function: Callable[[Order], object], threads: Threads) -> None:
        """Run `function` in `threads`."""
        self._function = function
        self._threads = threads

    async def __call__(self, order: Order) -> object:
        """Run the function on `order` to its end, and return what it returned.

        Raises AttemptNotStarted where there is no thread to be had.
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
            # The loop is closed when the process did not wait for a function that hung.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, ended, ending)

        def run() -> Callable[[], None]:
            # Carried as a value, not as the future's exception: a StopIteration cannot be set as one.
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
