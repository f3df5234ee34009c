"""Waiting for orders to end: one batched poll for all waiters, and notifications within the process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NoReturn

from order_engine.application.context import EngineContext
from order_engine.domain.errors import NotRunning, OrderEngineError, OrderNotFound, WaitTimedOut
from order_engine.domain.order import Order

ORDERS_PER_CHECK = 1000


class Waiters:
    """All calls in this process that wait for an order to end."""

    def __init__(self, context: EngineContext) -> None:
        """Start without waiters."""
        self._context = context
        self._waiting: dict[str, set[asyncio.Future[Order]]] = {}
        self._to_check: dict[str, None] = {}
        self._wake = asyncio.Event()

    async def wait(self, order_id: str, seconds: float | None) -> Order:
        """Return the order once ended. Raises OrderNotFound, and WaitTimedOut after `seconds` (None: no limit)."""
        ended: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(order_id, set()).add(ended)
        self.check_soon(order_id)
        timer = None if seconds is None else asyncio.create_task(self._expire(order_id, ended, seconds))
        try:
            return await ended
        finally:
            if timer is not None:
                timer.cancel()
            self._remove(order_id, ended)

    def check_soon(self, order_id: str) -> None:
        """Check this order soon, since it has probably ended. Does nothing if no call waits for it."""
        if order_id in self._waiting:
            self._to_check[order_id] = None
            self._wake.set()

    async def run(self) -> NoReturn:
        """Answer waiting calls while the engine runs; when it stops, answer all of them."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while order_ids := list(self._to_check)[:ORDERS_PER_CHECK]:
                    for order_id in order_ids:
                        del self._to_check[order_id]
                    await self._check(order_ids)
        finally:
            self._close()

    async def poll(self) -> NoReturn:
        """Check all awaited orders once per poll interval, since they may end in other processes."""
        while True:
            await self._context.clock.sleep(self._context.options.poll_seconds)
            self._context.changes.notify()
            order_ids = list(self._waiting)
            for start in range(0, len(order_ids), ORDERS_PER_CHECK):
                await self._check_for_ends(order_ids[start : start + ORDERS_PER_CHECK])

    async def _check_for_ends(self, order_ids: Sequence[str]) -> None:
        """Schedule a check of orders that have ended or do not exist; do not read the content of the others."""
        try:
            states = await self._context.reading.states(order_ids)
        except OrderEngineError:
            # The observer was notified. The next poll retries, and waiting calls may have a time limit.
            return
        for order_id in order_ids:
            if order_id not in states or states[order_id].status.ended:
                self.check_soon(order_id)

    async def _check(self, order_ids: Sequence[str]) -> None:
        unknown = dict.fromkeys(order_ids)
        try:
            async for orders in self._context.reading.portions(order_ids):
                for order_id, order in orders.items():
                    del unknown[order_id]
                    if order.status.ended:
                        self._answer(order_id, order)
        except OrderEngineError:
            # As above.
            return
        for order_id in unknown:
            self._answer(order_id, None)

    def _answer(self, order_id: str, order: Order | None) -> None:
        for ended in self._waiting.get(order_id, ()):
            if ended.done():
                continue
            if order is None:
                ended.set_exception(OrderNotFound(order_id))
            else:
                ended.set_result(order)

    async def _expire(self, order_id: str, ended: asyncio.Future[Order], seconds: float) -> None:
        await self._context.clock.sleep(seconds)
        if not ended.done():
            ended.set_exception(WaitTimedOut(f"Order {order_id!r} did not end within {seconds:g} s."))

    def _remove(self, order_id: str, ended: asyncio.Future[Order]) -> None:
        waiting = self._waiting[order_id]
        waiting.discard(ended)
        if not waiting:
            del self._waiting[order_id]

    def _close(self) -> None:
        self._context.changes.close()
        for waiting in self._waiting.values():
            for ended in waiting:
                if not ended.done():
                    ended.set_exception(NotRunning("The engine has stopped. Another engine continues the order."))
