"""Who is measured: the engine, the least that any Python program could do, and the nearest rival.

Each contender gets the same orders and returns when every one of them is Completed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

from pgqueuer import PgQueuer
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

from benchmarks.orders import payload
from order_engine import EngineOptions, NewOrder, Order, OrderEngine
from order_engine.domain.order import Status
from order_engine.ports.observer import Fact, Reported
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.memory import MemoryQueue, MemoryRepository

Contender: TypeAlias = Callable[[Sequence[NewOrder]], Awaitable[None]]

PLAIN_WORKERS = 100
RIVAL_ENQUEUE = 1000
"""Jobs that the rival is given in one call."""


# The engine


class Completions:
    """Counts completed orders by the events of an observer, without polling."""

    def __init__(self, wanted: int) -> None:
        """Wait for `wanted` completions."""
        self._missing = wanted
        self.all = asyncio.Event()

    def observe(self, fact: Fact) -> None:
        """Count the reports that completed an order."""
        if isinstance(fact, Reported):
            self._missing -= sum(answer.refusal is None for answer in fact.answers)
            if self._missing <= 0:
                self.all.set()


def memory_engine(
    completions: Completions, processor: Callable[[Order], Coroutine[object, object, None]], options: EngineOptions
) -> OrderEngine:
    """Return an engine with everything in memory."""
    clock = SystemClock()
    return OrderEngine(
        repository=MemoryRepository(clock),
        queue=MemoryQueue(),
        clock=clock,
        processor=processor,
        observer=completions,
        options=options,
    )


async def work(_: object) -> None:
    """Do nothing with an order."""


async def engine_place(orders: Sequence[NewOrder]) -> None:
    """Place each order in a call of its own, all at once."""
    completions = Completions(len(orders))
    async with memory_engine(completions, work, EngineOptions(max_waiting=len(orders))) as engine:
        await asyncio.gather(*(engine.place(order) for order in orders))
        await completions.all.wait()


async def engine_place_many(orders: Sequence[NewOrder]) -> None:
    """Place all orders in one call."""
    completions = Completions(len(orders))
    async with memory_engine(completions, work, EngineOptions()) as engine:
        await engine.place_many(orders)
        await completions.all.wait()


# The plain bound


@dataclass(frozen=True)
class PlainOrder:
    """The least that an order is."""

    order_id: str
    user_id: str
    item_ids: tuple[str, ...]
    total_amount: Decimal
    status: Status = Status.PENDING


class PlainStore:
    """Orders in a dictionary, each immutable: no history, no checks, no idempotency, no leases, no limits."""

    def __init__(self, wanted: int) -> None:
        """Wait for `wanted` completions."""
        self.orders: dict[str, PlainOrder] = {}
        self.completed = asyncio.Event()
        self._missing = wanted

    def add(self, new: NewOrder) -> str:
        """Keep one order."""
        order_id = new.order_id or ""
        amount = Decimal(new.total_amount)
        self.orders[order_id] = PlainOrder(order_id, new.user_id, tuple(new.item_ids), amount)
        return order_id

    async def process(self, order_id: str, processor: Callable[[PlainOrder], Awaitable[None]] = work) -> None:
        """Take one order to its end."""
        order = replace(self.orders[order_id], status=Status.PROCESSING)
        self.orders[order_id] = order
        await processor(order)
        self.orders[order_id] = replace(order, status=Status.COMPLETED)
        self._missing -= 1
        if self._missing == 0:
            self.completed.set()


async def plain_workers(orders: Sequence[NewOrder]) -> None:
    """Pass the orders through an `asyncio.Queue` to a few workers: the bound that figures are compared with."""
    store = PlainStore(len(orders))
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def worker() -> None:
        while True:
            await store.process(await queue.get())

    workers = [asyncio.create_task(worker()) for _ in range(PLAIN_WORKERS)]
    for order in orders:
        await queue.put(store.add(order))
    await store.completed.wait()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def plain_tasks(orders: Sequence[NewOrder]) -> None:
    """Give each order a task of its own, as whoever wants to cancel one must: a variation of the bound."""
    store = PlainStore(len(orders))
    tasks = [asyncio.create_task(store.process(store.add(order))) for order in orders]
    await asyncio.gather(*tasks)


# The rival


def rival(batch_size: int) -> Contender:
    """Return PgQueuer on its in-memory driver: enqueued in batches, drained with `batch_size`, log folding off."""

    async def run(orders: Sequence[NewOrder]) -> None:
        queuer = PgQueuer.in_memory()

        @queuer.entrypoint("order")  # type: ignore[untyped-decorator] # the rival's types are left out, see pyproject.toml
        async def process(job: Job) -> None:
            await work(job)

        for start in range(0, len(orders), RIVAL_ENQUEUE):
            payloads: list[bytes | None] = [payload(order) for order in orders[start : start + RIVAL_ENQUEUE]]
            count = len(payloads)
            await queuer.qm.queries.enqueue(["order"] * count, payloads, [0] * count)
        await queuer.qm.run(
            batch_size=batch_size, mode=QueueExecutionMode.drain, log_aggregation_interval=timedelta(seconds=0)
        )

    return run
