"""The kit catches bugs of queues and clocks: every mutant fails the checks that are there for its bug."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from order_engine.contracts import ClockContract, ClockHarness, ContractBroken, QueueContract
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryQueue
from tests.unit.contracts.mutants_of_clock import CLOCK_MUTANTS
from tests.unit.contracts.mutants_of_queue import QUEUE_MUTANTS


class _QueueMutant(QueueContract):
    """The contract, bound to a mutant, with little patience."""

    patience_seconds: ClassVar[float] = 1.0

    def __init__(self, queue: type[MemoryQueue]) -> None:
        """Take the mutant's class."""
        self._queue = queue

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MemoryQueue]:
        """Open an empty mutant."""
        yield self._queue()


class _ClockMutant(ClockContract):
    """The contract, bound to a mutant, with little patience."""

    patience_seconds: ClassVar[float] = 1.0
    short_seconds: ClassVar[float] = 3_600.0

    def __init__(self, clock: type[ManualClock]) -> None:
        """Take the mutant's class."""
        self._clock = clock

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ClockHarness]:
        """Open a mutant."""
        clock = self._clock()
        yield ClockHarness(clock, clock.advance)


@pytest.mark.parametrize("queue", QUEUE_MUTANTS, ids=lambda queue: queue.__name__)
def test_the_contract_catches_the_queue_mutant(queue: type[MemoryQueue]) -> None:
    """Each check that is named for a bug of a queue catches it."""
    for name in QUEUE_MUTANTS[queue]:
        with pytest.raises(ContractBroken):
            getattr(_QueueMutant(queue), name)()


@pytest.mark.parametrize("clock", CLOCK_MUTANTS, ids=lambda clock: clock.__name__)
def test_the_contract_catches_the_clock_mutant(clock: type[ManualClock]) -> None:
    """Each check that is named for a bug of a clock catches it."""
    for name in CLOCK_MUTANTS[clock]:
        with pytest.raises(ContractBroken):
            getattr(_ClockMutant(clock), name)()
