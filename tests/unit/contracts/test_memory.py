"""The memory adapters and the clocks keep their contracts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from order_engine.contracts import (
    BoundsContract,
    ClockContract,
    ClockHarness,
    FaultContract,
    FaultHooks,
    OwnLeasesContract,
    QueueContract,
    RepositoryContract,
    TraceParentContract,
)
from order_engine_adapters.clocks import ManualClock, SystemClock
from order_engine_adapters.memory import MemoryQueue, MemoryRepository
from tests.unit.contracts.memory_harness import MemoryHarness


class _Bounded(MemoryRepository):
    """A memory repository whose limit is set while it is in use."""

    def full_after(self, orders: int) -> None:
        """Take so many more orders."""
        self._capacity = len(self._orders) + orders


class _BoundedHarness(MemoryHarness[_Bounded]):
    """Sets the limit of its repository."""

    @property
    def faults(self) -> FaultHooks:
        """What can be injected."""
        return FaultHooks(full_after=self.repository.full_after)


class TestMemoryRepository(RepositoryContract, TraceParentContract, BoundsContract, OwnLeasesContract, FaultContract):
    """The memory repository keeps the whole contract, trace parents included. It can be full, and nothing else."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_BoundedHarness]:
        """Open an empty repository on a clock that stands still."""
        yield _BoundedHarness(_Bounded)


class TestMemoryQueue(QueueContract):
    """The memory queue keeps the contract of a queue."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MemoryQueue]:
        """Open an empty queue."""
        yield MemoryQueue()


class TestManualClock(ClockContract):
    """The manual clock keeps the contract of a clock, in hours that take no time."""

    short_seconds: ClassVar[float] = 3_600.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ClockHarness]:
        """Open a clock that is turned by hand."""
        clock = ManualClock()
        yield ClockHarness(clock, clock.advance)


class TestSystemClock(ClockContract):
    """The system's clock keeps the contract of a clock."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ClockHarness]:
        """Open the clock of the machine."""
        yield ClockHarness(SystemClock(), asyncio.sleep)
