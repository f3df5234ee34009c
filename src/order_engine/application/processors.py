"""The user's processor, whatever its kind, as one coroutine function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent import futures
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import TypeAlias

from order_engine.application.processor_kinds import is_coroutine_processor
from order_engine.domain.order import Order
from order_engine.ports.processor import OrderProcessor, PlainProcessor

POLITE_CANCELLATIONS = 1

AwaitableProcessor: TypeAlias = Callable[[Order], Awaitable[object]]


def as_coroutine(processor: OrderProcessor | PlainProcessor) -> AwaitableProcessor:
    """Return `processor` itself, or a plain function in a thread of its own for each attempt.

    What the processor returned is for `finish`.
    """
    return processor if is_coroutine_processor(processor) else ThreadedProcessor(processor)


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
        message = f"the processor returned {kind} instead of doing the work; nothing of it has run"
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
    """Runs a plain function in a daemon thread of its own for each attempt.

    A thread cannot be cancelled: the attempt lasts until the function returns, and keeps its slot so long. Daemon
    threads, not the loop's executor: a function that hangs must not keep the process from ending. A second
    cancellation lets go of the thread.
    """

    def __init__(self, function: Callable[[Order], object]) -> None:
        """Wrap `function`."""
        self._function = function

    async def __call__(self, order: Order) -> object:
        """Run the function on `order` to its end, and return what it returned."""
        result, error = await self._ending(order)
        if error is not None:
            raise error
        return result

    async def _ending(self, order: Order) -> _Ending:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[_Ending] = loop.create_future()
        context = copy_context()

        def run() -> None:
            # Carried as a value, not as the future's exception: a StopIteration cannot be set as one.
            result, error = None, None
            try:
                result = context.run(self._function, order)
            except BaseException as raised:  # noqa: BLE001 - whatever the user's function raises is its outcome
                error = raised
            # The loop is closed when the process did not wait for a function that hung.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, ended, (result, error))

        Thread(target=run, name=f"order_engine-{order.order_id}", daemon=True).start()
        cancellations = 0
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError:
                cancellations += 1
                if cancellations > POLITE_CANCELLATIONS:
                    raise
        return ended.result()


def _settle(ended: asyncio.Future[_Ending], ending: _Ending) -> None:
    if not ended.done():
        ended.set_result(ending)
