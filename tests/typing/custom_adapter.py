"""A queue, a clock and an observer of one's own, and their tests. It must pass mypy and pyright, both strict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import assert_type

from order_engine import Order, OrderEngine
from order_engine.contracts import Harness, QueueContract, RepositoryContract, RepositoryHarness
from order_engine.ports import (
    Added,
    Applied,
    Claimed,
    ClaimTerms,
    Clock,
    Command,
    Fact,
    Lease,
    Observer,
    OrderQueue,
    OrderRepository,
    OrderWriter,
    Placement,
    QueueOpener,
    Renewed,
    Reported,
    RepositoryOpener,
)
from order_engine_adapters import ManualClock, MemoryQueue, MemoryRepository


class LastInFirstOut:
    """A queue that shares nothing with the port but its methods."""

    def __init__(self) -> None:
        """Begin empty."""
        self._order_ids: asyncio.LifoQueue[str] = asyncio.LifoQueue()

    async def put(self, order_ids: Sequence[str]) -> None:
        """Ring for these orders."""
        for order_id in order_ids:
            self._order_ids.put_nowait(order_id)

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for one id."""
        return [await self._order_ids.get()][:limit]


class HalfSpeed:
    """A clock that goes slowly."""

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return half of the seconds that have passed."""
        return asyncio.get_running_loop().time() / 2

    async def sleep(self, seconds: float) -> None:
        """Sleep twice as long."""
        await asyncio.sleep(2 * seconds)


class Counting:
    """An observer that counts reports."""

    def __init__(self) -> None:
        """Begin with none."""
        self.reports = 0

    def observe(self, fact: Fact) -> None:
        """Count what was reported."""
        if isinstance(fact, Reported):
            assert_type(fact.commands, Sequence[Command])
            self.reports += len(fact.commands)


class Recording:
    """A writer that passes every call on."""

    def __init__(self, inner: OrderWriter) -> None:
        """Pass calls on to `inner`."""
        self._inner = inner

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Store new orders."""
        return await self._inner.add(placements, hold)

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Hand out orders."""
        claimed = await self._inner.claim(terms)
        assert_type(claimed.orders, Sequence[Order])
        return claimed

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Renew leases."""
        return await self._inner.renew(leases, seconds)

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply commands."""
        return await self._inner.apply(commands)


@asynccontextmanager
async def open_queue(url: str, *, clock: Clock) -> AsyncGenerator[OrderQueue, None]:
    """Open the queue that an entry point names."""
    assert_type((url, clock), tuple[str, Clock])
    yield LastInFirstOut()


@asynccontextmanager
async def open_repository(url: str, *, clock: Clock) -> AsyncGenerator[OrderRepository, None]:
    """Open the repository that an entry point names."""
    assert_type(url, str)
    yield MemoryRepository(clock)


QUEUE_OPENER: QueueOpener = open_queue
REPOSITORY_OPENER: RepositoryOpener = open_repository
OBSERVER: Observer = Counting()
WRITER: OrderWriter = Recording(MemoryRepository(HalfSpeed()))


async def main() -> None:
    """Build an engine by hand."""
    clock = HalfSpeed()
    repository = MemoryRepository(clock)
    async with OrderEngine(
        repository=repository, queue=LastInFirstOut(), clock=clock, processor=None, observer=OBSERVER
    ) as engine:
        assert_type(engine, OrderEngine)


class TestMyQueue(QueueContract):
    """The kit's tests of a queue."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OrderQueue, None]:
        """Open an empty queue."""
        yield MemoryQueue()


class TestMyRepository(RepositoryContract):
    """The kit's tests of a repository."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[RepositoryHarness, None]:
        """Open an empty repository whose time the test sets."""
        clock = ManualClock()
        yield Harness(MemoryRepository(clock), clock.jump)
