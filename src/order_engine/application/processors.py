"""The user's processor, whatever its kind, as one coroutine function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import TypeAlias, TypeGuard

from order_engine.domain.order import Order
from order_engine.ports.processor import OrderProcessor, PlainProcessor

POLITE_CANCELLATIONS = 1


def is_coroutine_processor(processor: OrderProcessor | PlainProcessor) -> TypeGuard[OrderProcessor]:
    """Whether calling `processor` gives a coroutine: a coroutine function, or an object whose `__call__` is one."""
    return inspect.iscoroutinefunction(processor) or inspect.iscoroutinefunction(type(processor).__call__)


def as_coroutine(processor: OrderProcessor | PlainProcessor) -> OrderProcessor:
    """Return `processor` itself, or a plain function in a thread of its own for each attempt."""
    return processor if is_coroutine_processor(processor) else ThreadedProcessor(processor)


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

    async def __call__(self, order: Order) -> None:
        """Run the function on `order` to its end."""
        result, error = await self._ending(order)
        if error is not None:
            raise error
        if inspect.isawaitable(result):
            await result

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
