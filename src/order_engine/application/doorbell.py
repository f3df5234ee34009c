"""Announcement of due orders through the queue, without waiting for the queue."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import NoReturn

from order_engine.application.calls.calls import is_cancelled
from order_engine.application.context import EngineContext
from order_engine.application.retry_policy import Backoff
from order_engine.ports.observer import HintsDropped, QueueUnavailable

ORDERS_PER_RING = 1000


class Doorbell:
    """Puts order ids into the queue in a background task. Ids that a slow queue does not accept are dropped."""

    def __init__(self, context: EngineContext) -> None:
        """Start without ids."""
        self._context = context
        self._backoff = Backoff(context.random)
        self._order_ids: deque[str] = deque()
        self._rung = asyncio.Event()

    def ring(self, order_ids: Iterable[str]) -> None:
        """Announce these orders to workers."""
        wanted = list(order_ids)
        room = max(self._context.options.bell_orders - len(self._order_ids), 0)
        self._order_ids.extend(wanted[:room])
        if len(wanted) > room:
            self._context.observer.observe(HintsDropped(len(wanted) - room))
        if self._order_ids:
            self._rung.set()

    async def run(self) -> NoReturn:
        """Put ids into the queue while the engine runs."""
        while True:
            await self._rung.wait()
            if not self._order_ids:
                self._rung.clear()
                continue
            order_ids = [self._order_ids.popleft() for _ in range(min(ORDERS_PER_RING, len(self._order_ids)))]
            try:
                with self._context.calls.limits.within(self._context.options.request_seconds):
                    await self._context.queue.put(order_ids)
            except (Exception, asyncio.CancelledError) as error:
                # A queue may fail in any way: the poll finds the orders.
                if is_cancelled(error):
                    raise
                self._context.observer.observe(QueueUnavailable(error))
                await self._context.clock.sleep(self._backoff.pause())
            else:
                self._backoff.reset()
