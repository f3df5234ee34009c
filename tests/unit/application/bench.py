"""The test bench: one store, one queue and one clock that is turned by hand, and engines that run on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import TypeAlias, TypedDict, TypeVar, Unpack

from order_engine import ContentLimits, EngineOptions, Event, NewOrder, Order, OrderEngine, Status
from order_engine.domain.content.validation import validate
from order_engine.domain.metrics import Statistics, fold_statistics
from order_engine.domain.replay import recorded_state, replay
from order_engine.ports.observer import Fact, Observer
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryQueue, MemoryRepository
from tests.unit.application.faults import FaultyRepository

Outcome = TypeVar("Outcome")
FactType = TypeVar("FactType")
Deed: TypeAlias = Callable[[Order], Awaitable[None]]

TURNS = 60
"""Turns of the event loop that settle whatever is under way without time passing."""
LONGEST_EXIT = 200.0
"""Seconds of the clock that any engine may take to end, whatever is away."""


class Options(TypedDict, total=False):
    """The engine's options, by name."""

    concurrency: int
    threads: int
    lease_seconds: float
    max_attempts: int
    max_deliveries: int
    attempt_seconds: float
    backoff_seconds: float
    backoff_cap_seconds: float
    poll_seconds: float
    request_seconds: float
    grace_seconds: float
    stop_seconds: float
    max_waiting: int
    max_waiting_bytes: int
    batch_orders: int
    batch_bytes: int
    bell_orders: int
    page_limit: int
    page_bytes: int
    content: ContentLimits


class Facts:
    """An observer that remembers."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.told: list[Fact] = []

    def observe(self, fact: Fact) -> None:
        """Remember the fact."""
        self.told.append(fact)

    def of(self, fact_type: type[FactType]) -> list[FactType]:
        """Return the facts of one type."""
        return [fact for fact in self.told if isinstance(fact, fact_type)]


class SilentQueue:
    """A doorbell that loses everything, and rings only when a test says so."""

    def __init__(self) -> None:
        """Start silent."""
        self.lost: list[str] = []
        self._inner = MemoryQueue()

    async def put(self, order_ids: Sequence[str]) -> None:
        """Lose the ids."""
        self.lost.extend(order_ids)

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for what the test delivers."""
        return await self._inner.get(limit)

    async def deliver(self, *order_ids: str) -> None:
        """Ring at last, for these ids."""
        await self._inner.put(order_ids)


class Work:
    """A processor that remembers which orders it got and how many it had at once, and does `deed` with each."""

    def __init__(self, deed: Deed | None = None) -> None:
        """Do `deed`; nothing, where there is none."""
        self._deed = deed
        self.started: list[Order] = []
        self.finished: list[str] = []
        self.cancelled: list[str] = []
        self.running: list[str] = []
        self.most_at_once = 0

    async def __call__(self, order: Order) -> None:
        """Work on one order."""
        self.started.append(order)
        self.running.append(order.order_id)
        self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            if self._deed is not None:
                await self._deed(order)
            self.finished.append(order.order_id)
        except asyncio.CancelledError:
            self.cancelled.append(order.order_id)
            raise
        finally:
            self.running.remove(order.order_id)

    @property
    def started_ids(self) -> list[str]:
        """The ids of the orders that were started, in turn."""
        return [order.order_id for order in self.started]


class Bench:
    """What several engines share in one test."""

    def __init__(self, capacity: int = 1_000_000) -> None:
        """Start with an empty store and a clock that stands still."""
        self.clock = ManualClock()
        self.store = MemoryRepository(self.clock, capacity)
        self.queue = MemoryQueue()
        self.facts = Facts()
        self.observer: Observer = self.facts
        """The observer of the engines that are built from now on."""
        self.repository = self.connect()
        self._engines = 0
        self._stubborn: list[asyncio.Event] = []

    def connect(self) -> FaultyRepository:
        """Return another process's way to the same store."""
        return FaultyRepository(self.store, self.clock)

    # Engines

    def build(
        self,
        processor: OrderProcessor | PlainProcessor | None = None,
        *,
        repository: OrderRepository | None = None,
        queue: OrderQueue | None = None,
        **options: Unpack[Options],
    ) -> OrderEngine:
        """Return an engine on this bench that has not been started."""
        self._engines += 1
        return OrderEngine(
            repository=repository or self.repository,
            queue=queue or self.queue,
            clock=self.clock,
            processor=processor,
            observer=self.observer,
            random=chance(self._engines),
            options=EngineOptions(**options),
        )

    @asynccontextmanager
    async def engine(
        self,
        processor: OrderProcessor | PlainProcessor | None = None,
        *,
        repository: OrderRepository | None = None,
        queue: OrderQueue | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[OrderEngine]:
        """Run an engine; at the end let it drain, the clock being turned as far as that takes."""
        engine = self.build(processor, repository=repository, queue=queue, **options)
        await engine.__aenter__()
        await self.settle()
        try:
            yield engine
            await self.end(engine)
        except BaseException:
            for until in self._stubborn:
                until.set()
            await self.kill(engine)
            raise

    async def end(self, engine: OrderEngine) -> None:
        """Leave the engine's `async with` in order. An engine that has been left already is left alone."""
        await self.within(LONGEST_EXIT, engine.__aexit__(None, None, None))

    async def kill(self, engine: OrderEngine) -> None:
        """Let the engine's process die: every task of it ends now, and nothing is reported or released."""
        leaving = asyncio.ensure_future(engine.__aexit__(None, None, None))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        await self.settle()
        if not leaving.cancelled():
            leaving.exception()

    def stubborn(self, until: asyncio.Event) -> Deed:
        """Return a deed that goes on until `until`, however often it is cancelled; it ends with a test that fails."""
        self._stubborn.append(until)

        async def deed(_order: Order) -> None:
            while not until.is_set():
                with suppress(asyncio.CancelledError):
                    await until.wait()

        return deed

    # Time

    async def settle(self) -> None:
        """Let everything under way go on as far as it gets without time passing."""
        await self.clock.advance(0)

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.advance(seconds)

    def block(self, seconds: float) -> None:
        """Let time pass while nobody else does anything: as code does that blocks the event loop."""
        self.clock._elapsed += seconds  # noqa: SLF001 - no other clock can stand for it

    async def within(self, seconds: float, awaitable: Awaitable[Outcome]) -> Outcome:
        """Return the outcome of `awaitable`, which has to be there within so many seconds of the clock."""
        task = asyncio.ensure_future(awaitable)
        until = self.clock.monotonic() + seconds
        await self.settle()
        while not task.done() and self.clock.monotonic() < until:
            await self.clock.advance(min(0.25, until - self.clock.monotonic()))
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            message = f"not done within {seconds} s of the clock"
            raise AssertionError(message)
        return await task

    async def now(self, awaitable: Awaitable[Outcome]) -> Outcome:
        """Return the outcome of `awaitable`, which has to be there without time passing."""
        return await self.within(0, awaitable)

    # Orders

    async def place(self, engine: OrderEngine, *order_ids: str) -> None:
        """Place these orders one after the other."""
        for order_id in order_ids:
            await self.now(engine.place(new_order(order_id)))

    async def order(self, order_id: str) -> Order:
        """Return the order as it stands in the store, asked behind every engine's back."""
        return (await self.store.get([order_id]))[order_id]

    async def status(self, order_id: str) -> Status:
        """Return the order's status in the store."""
        return (await self.order(order_id)).status

    async def statuses(self) -> set[Status]:
        """Return the statuses that orders have."""
        counts = (await self.store.statistics()).status_counts
        return {status for status, orders in counts.items() if orders}

    async def story(self, order_id: str) -> list[str]:
        """Return the types of the order's events."""
        return [str(event.type) for event in await self.history(order_id)]

    async def history(self, order_id: str) -> Sequence[Event]:
        """Return the order's events."""
        return await self.store.history(order_id, 0, 1_000_000)

    async def check_books(self) -> Statistics:
        """Check that every history is legal and tells its order, and that the counters are the fold of all of them."""
        events = (await self.store.events(None, 10_000_000)).events
        for order_id in {event.order_id for event in events}:
            placement = validate(new_order(order_id), "")
            order = await self.order(order_id)
            assert replay(placement, await self.history(order_id)) == recorded_state(order), order_id
            tokens = [event.token for event in await self.history(order_id) if event.type == "claimed"]
            assert tokens == list(range(1, len(tokens) + 1)), order_id
        statistics = await self.store.statistics()
        assert statistics == fold_statistics(events)
        return statistics


def new_order(order_id: str | None = None, amount: str = "50.00") -> NewOrder:
    """Return a plain order."""
    return NewOrder(order_id=order_id, user_id="user1", item_ids=["item1"], total_amount=amount)


def order_ids(count: int, prefix: str = "order") -> list[str]:
    """Return so many ids."""
    return [f"{prefix}{number}" for number in range(1, count + 1)]


def takes(bench: Bench, seconds: float) -> Deed:
    """Return a deed that takes so long by the clock."""

    async def deed(_order: Order) -> None:
        await bench.clock.sleep(seconds)

    return deed


def raises(error: Callable[[], BaseException]) -> Deed:
    """Return a deed that raises a new error each time."""

    async def deed(_order: Order) -> None:
        raise error()

    return deed


async def hangs(_order: Order) -> None:
    """Never return, but stop when cancelled."""
    await asyncio.get_running_loop().create_future()


def first_then(first: Deed, then: Deed | None = None, *, only: str = "") -> Deed:
    """Return a deed that does `first` in the first claim of an order (or of one only), and `then` in all others."""

    async def deed(order: Order) -> None:
        if order.token == 1 and only in {"", order.order_id}:
            await first(order)
        elif then is not None:
            await then(order)

    return deed


def chance(seed: int) -> Random:
    """Return chance that is the same in every run."""
    return Random(seed)  # noqa: S311 - nothing secret is made of it


def ready(engine: OrderEngine) -> bool:
    """Whether the engine is ready at this moment; asked in a way that no type checker takes for constant."""
    return engine.ready


def at(bench: Bench) -> float:
    """Return the clock's seconds."""
    return bench.clock.monotonic()
