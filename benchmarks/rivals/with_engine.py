"""order_engine: the default settings, but that as many orders as are placed at once may wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.rivals.contender import Completions
from order_engine import EngineOptions, NewOrder, Order, OrderEngine
from order_engine.domain.errors import OrderEngineError
from order_engine.ports.observer import Fact, Reported
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository
from order_engine_adapters.postgres.queue.notify_queue import open_queue

CLOCK = SystemClock()


@asynccontextmanager
async def opened(url: str, completions: Completions, _: str) -> AsyncIterator[Engine]:
    """Open the repository and its own queue; the schema is made on the way."""
    async with AsyncExitStack() as lifetimes:
        repository = await lifetimes.enter_async_context(open_repository(url, clock=CLOCK))
        queue = await lifetimes.enter_async_context(open_queue(url, clock=CLOCK))
        yield Engine(repository, queue, completions)


@dataclass
class Engine:
    """An engine with a worker while `working`, else one that only takes orders."""

    repository: OrderRepository
    queue: OrderQueue
    completions: Completions
    _working: OrderEngine | None = field(default=None, init=False)

    async def place_in_bulk(self, orders: Sequence[NewOrder]) -> None:
        """Store orders by `place_many`."""
        if self._working is not None:
            _check(await self._working.place_many(orders))
            return
        engine = OrderEngine(repository=self.repository, queue=self.queue, clock=CLOCK, processor=None)
        async with engine:
            _check(await engine.place_many(orders))

    async def place(self, order: NewOrder) -> None:
        """Store one order by `place`."""
        assert self._working is not None  # noqa: S101 - single orders are placed while it works
        await self._working.place(order)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run an engine with a worker."""
        self._working = OrderEngine(
            repository=self.repository,
            queue=self.queue,
            clock=CLOCK,
            processor=_nothing,
            observer=self,
            options=EngineOptions(),
        )
        async with self._working:
            yield

    def observe(self, fact: Fact) -> None:
        """Count the reports that completed an order."""
        if isinstance(fact, Reported):
            self.completions.count(sum(answer.refusal is None for answer in fact.answers))


async def _nothing(_: Order) -> None:
    """Do nothing with an order."""


def _check(outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, OrderEngineError):
            raise outcome
