"""What a mutant is: a memory repository with one bug, and the checks that are expected to catch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from order_engine_adapters.memory import MemoryRepository

MUTANTS: dict[str, Mutant] = {}
"""All mutants of the repository by name, in the order in which they are written."""

Bug = TypeVar("Bug", bound=type[MemoryRepository])


@dataclass(frozen=True)
class Mutant:
    """One bug: `caught_by` names checks that must catch it; `beyond_the_machine` says why the state machine cannot."""

    repository: type[MemoryRepository]
    caught_by: tuple[str, ...]
    beyond_the_machine: str | None


def mutant(*caught_by: str, beyond_the_machine: str | None = None) -> Callable[[Bug], Bug]:
    """Enter a class among the mutants."""

    def enter(repository: Bug) -> Bug:
        MUTANTS[repository.__name__] = Mutant(repository, caught_by, beyond_the_machine)
        return repository

    return enter
