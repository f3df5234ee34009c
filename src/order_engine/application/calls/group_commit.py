"""Group commit: items that arrive during a transaction are committed together in the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, NoReturn

from order_engine.application.calls.busy_items import BusyItems, BusyLimits
from order_engine.application.calls.calls import require_count
from order_engine.application.calls.outcomes import (
    Batch,
    Item,
    Outcome,
    Outcomes,
    Receiver,
    Waiting,
    answer,
    fail,
    for_one_caller,
)
from order_engine.application.options import EngineOptions
from order_engine.application.retry_policy import Backoff
from order_engine.domain.errors import (
    AdapterFault,
    NotRunning,
    OrderBusy,
    OrderEngineError,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
)
from order_engine.ports.clock import Clock

TURNS_BETWEEN_BATCHES = 3
"""Iterations of the event loop after a batch, since a repository in memory never waits: one for an attempt on an order
just placed, two for its report. So the next orders find free slots and need no separate claim."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of one group commit.

    `orders` and `bytes` limit one transaction, `waiting` and `waiting_bytes` the waiting items. A transaction is slow
    after `slow_seconds`. After a failed transaction, items that have waited for `overdue_seconds` are answered.
    `busy_seconds` is the maximum wait for an order that is locked by another transaction.
    """

    orders: int
    bytes: int
    waiting: int
    waiting_bytes: int
    slow_seconds: float
    overdue_seconds: float
    busy_seconds: float = inf

    @property
    def of_busy_items(self) -> BusyLimits:
        """Limits of the items that wait for locked orders: a tenth of those that wait for a transaction."""
        kept, kept_bytes = max(1, self.waiting // 10), max(1, self.waiting_bytes // 10)
        return BusyLimits(self.orders, self.bytes, kept, kept_bytes, self.busy_seconds)


def batch_limits(options: EngineOptions, waiting: int, waiting_bytes: int, busy_seconds: float = inf) -> BatchLimits:
    """Return the limits for an engine's batches. A transaction is slow after a tenth of its time limit."""
    limit = options.request_seconds
    return BatchLimits(
        options.batch_orders, options.batch_bytes, waiting, waiting_bytes, limit / 10, limit, busy_seconds
    )


class GroupCommit(Generic[Item, Outcome]):
    """Collects items, commits them in consecutive batches, and answers each caller after the commit of its item.

    `commit` receives the items of one transaction and returns an outcome or an error for each, in order. Items answered
    with OrderBusy are retried by `busy`, whose `run` must run as well. Cancelling a caller does not affect others: its
    item is dropped if its transaction has not begun, otherwise its outcome is. A transaction that takes more than
    `slow_seconds` halves the size of the next, so that a slow connection does not cause timeouts.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Outcomes[Outcome]]],
        limits: BatchLimits,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        """Start empty; `run` commits batches. `backoff` determines the pauses between retries of locked items."""
        self._commit = commit
        self._limits = limits
        self._clock = clock
        self._waiting: deque[Waiting[Item, Outcome]] = deque()
        self._waiting_bytes = 0
        self._most_orders = limits.orders
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._room = asyncio.Event()
        self._under_way: Batch[Item, Outcome] = []
        self._closed: OrderEngineError | None = None
        self.busy: BusyItems[Item, Outcome] = BusyItems(self._outcomes, limits.of_busy_items, clock, backoff)
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, item: Item, size: int) -> asyncio.Future[Outcome]:
        """Add `item` of `size` bytes to the next transaction with room; return a future of its outcome.

        Raises Overloaded if a limit is reached, NotRunning after `run` has ended.
        """
        if self._closed is not None:
            raise for_one_caller(self._closed)
        if not self.has_room:
            message = f"Limit reached: {len(self._waiting)} orders are waiting to be stored."
            raise Overloaded(message)
        if self._loop is None:
            # Cached: before Python 3.12, get_running_loop makes a system call, which takes 3 µs.
            self._loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self.send(item, size, outcome)
        return outcome

    def send(self, item: Item, size: int, receiver: Receiver[Outcome]) -> None:
        """Add `item` regardless of the limits, for callers that have their own."""
        self._waiting.append((item, size, receiver, self._clock.monotonic()))
        self._waiting_bytes += size
        if len(self._waiting) == 1:
            self._arrived.set()
            self._idle.clear()

    @property
    def has_room(self) -> bool:
        """Whether one more item may wait. The last one may exceed the limit in bytes."""
        return len(self._waiting) < self._limits.waiting and self._waiting_bytes < self._limits.waiting_bytes

    async def room(self) -> None:
        """Wait until there is room, for callers that prefer delay over refusal."""
        while not self.has_room and self._closed is None:
            self._room.clear()
            await self._room.wait()

    async def idle(self) -> None:
        """Wait until no item is waiting or in progress."""
        await self._idle.wait()
        await self.busy.idle()

    async def run(self) -> NoReturn:
        """Commit batches while the engine runs. On cancellation, answer all remaining items."""
        try:
            while True:
                await self._arrived.wait()
                await self._commit_waiting()
                for _ in range(TURNS_BETWEEN_BATCHES):
                    await self._clock.sleep(0)
                if not self._waiting:
                    self._idle.set()
        finally:
            self._close()

    async def _commit_waiting(self) -> None:
        """Commit a batch and answer its callers; continue while items wait if the repository works in parallel.

        A repository that works outside the event loop receives the next batch before the callers of this one are
        answered. Without this, on SQLite under load, it and the event loop waited for each other half of the time.
        """
        batch = self._under_way = self._take()
        outcomes, elsewhere = await self._committed(batch)
        while elsewhere and self._waiting:
            following = self._take()
            committing = asyncio.create_task(self._committed(following), name="order_engine commit")
            self._answer(batch, outcomes)
            batch = self._under_way = following
            outcomes, elsewhere = await committing
        self._answer(batch, outcomes)
        self._under_way = []

    def _take(self) -> list[Waiting[Item, Outcome]]:
        """Take the items of one transaction, one at least; drop items whose caller is gone."""
        batch: list[Waiting[Item, Outcome]] = []
        size = 0
        while self._waiting and len(batch) < self._most_orders:
            waiting = self._waiting[0]
            _, item_size, receiver, _ = waiting
            if batch and size + item_size > self._limits.bytes:
                break
            self._waiting.popleft()
            self._waiting_bytes -= item_size
            if not receiver.done():
                batch.append(waiting)
                size += item_size
        if not self._waiting:
            self._arrived.clear()
        self._room.set()
        return batch

    async def _committed(self, batch: Batch[Item, Outcome]) -> tuple[Outcomes[Outcome], bool]:
        """Commit a batch. Return each item's outcome or error, and whether the event loop ran other tasks meanwhile."""
        if not batch:
            return [], False
        turned: list[bool] = []
        turn = asyncio.get_running_loop().call_soon(turned.append, True)  # noqa: FBT003 - the value does not matter
        started = self._clock.monotonic()
        outcomes = await self._outcomes(batch)
        self._adapt(len(batch), self._clock.monotonic() - started)
        turn.cancel()
        return outcomes, bool(turned)

    async def _outcomes(self, batch: Batch[Item, Outcome]) -> Outcomes[Outcome]:
        try:
            return require_count(await self._commit([item for item, _, _, _ in batch]), len(batch))
        except AdapterFault as error:
            if len(batch) == 1:
                return [error]
            # An adapter should refuse only the invalid item. If it fails for the whole batch, limit the damage to that
            # item: calls are idempotent, so retry the halves until the item is alone.
            middle = len(batch) // 2
            return [*await self._outcomes(batch[:middle]), *await self._outcomes(batch[middle:])]
        except OrderEngineError as error:
            self._fail_overdue()
            return [error] * len(batch)

    def _answer(self, batch: Batch[Item, Outcome], outcomes: Outcomes[Outcome]) -> None:
        for waiting, outcome in zip(batch, outcomes, strict=True):
            receiver = waiting[2]
            if receiver.done():
                continue
            if not isinstance(outcome, OrderEngineError):
                receiver.set_result(outcome)
            elif not isinstance(outcome, OrderBusy) or not self.busy.add(waiting):
                answer(receiver, outcome)

    def _fail_overdue(self) -> None:
        """After a failed call, fail all items that have waited for as long as the time limit of one call.

        A slow repository fails no item. If it hangs, the waiting batches must not time out one after the other.
        """
        longest = self._clock.monotonic() - self._limits.overdue_seconds
        while self._waiting and self._waiting[0][3] <= longest:
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting[1]
            fail([waiting], Unavailable("The repository is not responding. Nothing was stored."))

    def _adapt(self, orders: int, seconds: float) -> None:
        if seconds > self._limits.slow_seconds:
            self._most_orders = max(1, min(self._most_orders, orders) // 2)
        else:
            self._most_orders = min(self._limits.orders, self._most_orders + max(1, self._most_orders // 4))

    def _close(self) -> None:
        self._closed = NotRunning("The engine has stopped. Nothing was stored.")
        fail(self._under_way, OutcomeUnknown("The engine stopped before the repository answered."))
        fail(self._waiting, self._closed)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._room.set()
        self._idle.set()
