"""The oracles are tested: each planted bug is found within its seeds, none of which is at fault without it."""

from __future__ import annotations

import pytest

from order_engine.simulation import run_seed
from tests.unit.simulation.all_planted import BUGS, CIRCUMSTANCES
from tests.unit.simulation.planted import Circumstances, PlantedBug, scenario

AT_LEAST = 25


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.partition(":")[0])
def test_a_planted_bug_is_found(bug: PlantedBug) -> None:
    """Within so many seeds one breaks the promise that the bug is about, and not because the plant does not fit."""
    assert any(bug.shows(outcome) for outcome in bug.seeds(bug.within))


@pytest.mark.long
@pytest.mark.parametrize("where", CIRCUMSTANCES, ids=str)
def test_the_engine_without_a_bug_keeps_every_promise(where: Circumstances) -> None:
    """In the same circumstances and the same seeds."""
    with where.prevail():
        violations = [
            (seed, str(violation))
            for seed in range(CIRCUMSTANCES[where])
            for violation in run_seed(scenario(where), seed).violations
        ]
    assert violations == []


def test_the_table_of_bugs_has_no_bug_twice() -> None:
    """Each has a name of its own, and there are as many as were promised."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= AT_LEAST
