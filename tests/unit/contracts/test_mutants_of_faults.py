"""The kit catches bugs that show only under faults: every mutant fails the checks that are there for its bug."""

from __future__ import annotations

import unittest
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from order_engine.contracts import ContractBroken, FaultContract, FaultHooks, Harness
from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryRepository
from tests.unit.contracts.breakable import BreakableMemory, harness
from tests.unit.contracts.mutants_of_faults import FAULT_MUTANTS


class _Breakable(FaultContract):
    """The contract under faults, on a repository that can be broken."""

    def __init__(self, repository: type[BreakableMemory] = BreakableMemory) -> None:
        """Take the class."""
        self._repository = repository

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Harness]:
        """Open an empty one on a clock that stands still."""
        clock = ManualClock()
        yield harness(self._repository(clock), clock)


class _WithoutHooks(FaultContract):
    """The contract on a harness without a single hook."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Harness]:
        """Open an empty repository."""
        clock = ManualClock()
        yield Harness(MemoryRepository(clock), clock.jump)


CHECKS = [name for name in dir(_Breakable) if name.startswith("test_")]


@pytest.mark.parametrize("name", CHECKS)
def test_a_repository_that_says_the_truth_passes(name: str) -> None:
    """Without a bug each check passes under its faults."""
    getattr(_Breakable(), name)()


@pytest.mark.parametrize("mutant", FAULT_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_contract_catches_the_mutant(mutant: type[BreakableMemory]) -> None:
    """Each check that is named for a bug catches it, be it by an Unavailable where nothing was broken."""
    assert FAULT_MUTANTS[mutant]
    for name in FAULT_MUTANTS[mutant]:
        with pytest.raises((ContractBroken, Unavailable)):
            getattr(_Breakable(mutant), name)()


@pytest.mark.parametrize("name", CHECKS)
def test_what_cannot_be_tried_is_skipped_by_its_hook(name: str) -> None:
    """A harness without hooks skips each of these checks, and the reason names a hook."""
    with pytest.raises(unittest.SkipTest, match="no fault hook") as skipped:
        getattr(_WithoutHooks(), name)()
    assert any(f"`{hook}`" in str(skipped.value) for hook in FaultHooks.__slots__)
