"""All mutants of the memory repository, and how to find out which checks of the kit catch one.

Run as a program it prints the table of mutants and checks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import ClassVar

from hypothesis import Phase, settings

from order_engine.contracts import (
    STATEFUL_SETTINGS,
    ContractBroken,
    RepositoryContract,
    TraceParentContract,
)
from order_engine_adapters.memory import MemoryRepository
from tests.unit.contracts import mutants_applying, mutants_claiming, mutants_placing, mutants_telling
from tests.unit.contracts.memory_harness import MemoryHarness
from tests.unit.contracts.mutant import MUTANTS, Mutant

__all__ = ["MUTANTS", "caught_by", "checks"]

MODULES = (mutants_placing, mutants_claiming, mutants_applying, mutants_telling)
"""Importing them enters their mutants."""

STATE_MACHINE = "test_stateful"


class _MutantContract(RepositoryContract, TraceParentContract):
    """The contract, bound to a mutant. The state machine stops at its first failure, without making it small."""

    stateful_settings: ClassVar[settings] = settings(
        STATEFUL_SETTINGS, max_examples=400, phases=[Phase.generate], report_multiple_bugs=False
    )

    def __init__(self, repository: type[MemoryRepository]) -> None:
        """Take the mutant's class."""
        self._repository = repository

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MemoryHarness[MemoryRepository]]:
        """Open an empty mutant on a clock that stands still."""
        yield MemoryHarness(self._repository)


def checks() -> list[str]:
    """Return the names of all the kit's checks of a repository."""
    return [name for name in dir(_MutantContract) if name.startswith("test_")]


def caught_by(mutant: Mutant, names: Iterable[str]) -> list[str]:
    """Return which of these checks catch the mutant, by saying that a promise is broken."""
    contract = _MutantContract(mutant.repository)
    return [name for name in names if _fails(contract, name)]


def _fails(contract: _MutantContract, name: str) -> bool:
    try:
        getattr(contract, name)()
    except ContractBroken:
        return True
    return False


def main() -> None:
    """Print which checks catch which mutant."""
    for name, mutant in MUTANTS.items():
        caught = caught_by(mutant, checks())
        print(f"{name}: {len(caught)} checks")  # noqa: T201 - the program's output
        for check in caught:
            print(f"    {check}")  # noqa: T201 - likewise


if __name__ == "__main__":
    main()
