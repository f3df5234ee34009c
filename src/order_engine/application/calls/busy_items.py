"""Items whose orders are locked from outside: asked for again apart from all others, which so never wait for them."""

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
    """Bounds: of one call (orders, bytes), of what is kept here, and of how long an item may wait altogether."""

    orders: int
    bytes: int
    kept: int
    kept_bytes: int
    seconds: float


class BusyItems(Generic[Item, Outcome]):
    """Asks again for what was answered with OrderBusy, in calls of its own and after growing pauses.

    A pause begins when a call does, so that a repository which waits at the orders itself is asked again at once. An
    item is answered when its order is free, or with OrderBusy when it has waited as long as it may.
    """

    def __init__(
        self,
        ask: Callable[[Batch[Item, Outcome]], Awaitable[Outcomes[Outcome]]],
        limits: BusyLimits,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        """Start empty; `run` asks by `ask`, which returns an outcome or an error for each item."""
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
        """Keep an item to ask again; False where its time is over or too many are here: then it is to be answered."""
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
        """Wait until nothing is kept here and nothing is under way."""
        await self._idle.wait()

    async def run(self) -> NoReturn:
        """Ask again for as long as the engine runs; when it is cancelled, nobody is left without an answer."""
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
        """Take what fits into one call, those that wait longest first; leave out items whose caller is gone."""
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
