"""Retries of items whose orders are locked by other transactions, separate from other items so as not to delay them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, NoReturn

from order_engine.application.calls.outcomes import Batch, Item, Outcome, Outcomes, Waiting, answer, fail
from order_engine.application.retry_policy import Backoff
from order_engine.domain.errors import NotRunning, OrderBusy, OrderEngineError, OutcomeUnknown
from order_engine.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class BusyLimits:
    """Limits of one call (orders, bytes), of the waiting items (number, bytes), and of the total wait of an item."""

    orders: int
    bytes: int
    kept: int
    kept_bytes: int
    seconds: float


class BusyItems(Generic[Item, Outcome]):
    """Retries items that were answered with OrderBusy, in separate calls and with growing pauses.

    A pause is measured from the start of the previous call, so a repository that itself waits for locks is called again
    without delay. An item is answered when its order is unlocked, or with OrderBusy after the maximum wait.
    """

    def __init__(
        self,
        ask: Callable[[Batch[Item, Outcome]], Awaitable[Outcomes[Outcome]]],
        limits: BusyLimits,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        """Start empty. `run` calls `ask`, which returns an outcome or an error for each item."""
        self._ask = ask
        self._limits = limits
        self._clock = clock
        self._backoff = backoff
        self._items: deque[Waiting[Item, Outcome]] = deque()
        self._bytes = 0
        self._under_way: Batch[Item, Outcome] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    def add(self, waiting: Waiting[Item, Outcome]) -> bool:
        """Keep an item for a retry. Return False if it is overdue or a limit is reached: the caller then answers it."""
        _, size, _, since = waiting
        is_full = len(self._items) >= self._limits.kept or self._bytes >= self._limits.kept_bytes
        is_late = self._clock.monotonic() + self._backoff.longest >= since + self._limits.seconds
        if self._closed or is_full or is_late:
            return False
        self._items.append(waiting)
        self._bytes += size
        self._arrived.set()
        self._idle.clear()
        return True

    async def idle(self) -> None:
        """Wait until no item is waiting or in progress."""
        await self._idle.wait()

    async def run(self) -> NoReturn:
        """Retry items while the engine runs. On cancellation, answer all remaining items."""
        try:
            spent = 0.0
            while True:
                await self._arrived.wait()
                await self._clock.sleep(max(0.0, self._backoff.pause() - spent))
                asked = self._clock.monotonic()
                self._under_way = self._take()
                if self._under_way:
                    self._settle(self._under_way, await self._ask(self._under_way))
                self._under_way = []
                spent = self._clock.monotonic() - asked
                if not self._items:
                    self._arrived.clear()
                    self._backoff.reset()
                    self._idle.set()
                    spent = 0.0
        finally:
            self._close()

    def _take(self) -> Batch[Item, Outcome]:
        """Take the items for one call, longest waiting first; drop items whose caller is gone."""
        batch: list[Waiting[Item, Outcome]] = []
        room = self._limits.bytes
        while self._items and len(batch) < self._limits.orders and room > 0:
            waiting = self._items.popleft()
            self._bytes -= waiting[1]
            if not waiting[2].done():
                batch.append(waiting)
                room -= waiting[1]
        return batch

    def _settle(self, batch: Batch[Item, Outcome], outcomes: Outcomes[Outcome]) -> None:
        for waiting, outcome in zip(batch, outcomes, strict=True):
            receiver = waiting[2]
            if receiver.done() or (isinstance(outcome, OrderBusy) and self.add(waiting)):
                continue
            answer(receiver, outcome)

    def _close(self) -> None:
        self._closed = True
        fail(self._under_way, OutcomeUnknown("The engine stopped before the repository answered."))
        stopped: OrderEngineError = NotRunning("The engine has stopped. Nothing was stored.")
        fail(self._items, stopped)
        self._items.clear()
        self._idle.set()
