"""The kit catches bugs: every mutant of the memory repository fails the checks that are there for its bug."""

from __future__ import annotations

import pytest

from tests.unit.contracts.mutants import MUTANTS, STATE_MACHINE, caught_by, checks

SEEN_BY_THE_MACHINE = [name for name, mutant in MUTANTS.items() if mutant.beyond_the_machine is None]


@pytest.mark.parametrize("name", MUTANTS)
def test_examples_catch_the_mutant(name: str) -> None:
    """Each check that is named for a bug catches it."""
    mutant = MUTANTS[name]
    assert mutant.caught_by
    assert caught_by(mutant, mutant.caught_by) == list(mutant.caught_by)


@pytest.mark.parametrize("name", SEEN_BY_THE_MACHINE)
def test_state_machine_alone_catches_the_mutant(name: str) -> None:
    """The state machine finds the bug without any example's help."""
    assert caught_by(MUTANTS[name], [STATE_MACHINE]) == [STATE_MACHINE]


def test_there_are_many_mutants() -> None:
    """The kit is proven on a good number of different bugs, nearly all of which the state machine finds as well."""
    assert len(MUTANTS) >= 50
    assert len(SEEN_BY_THE_MACHINE) >= 0.85 * len(MUTANTS)
    assert {name for mutant in MUTANTS.values() for name in mutant.caught_by} <= set(checks())
