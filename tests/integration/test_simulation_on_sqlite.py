"""Engines in virtual time on a real SQLite file: every fault between them and it, and every promise kept."""

from __future__ import annotations

import pytest

from order_engine.simulation import Scenario, run_seed
from tests.integration.simulate_databases import SMALL, simulate, sqlite_store

SEEDS = 15


def test_sqlite_keeps_every_promise_under_the_faults_of_a_simulation() -> None:
    """The seeds that memory is tried with as well."""
    *_, summary = simulate(sqlite_store, range(SEEDS))
    assert summary.findings == []
    assert summary.seeds == SEEDS
    assert sum(summary.faults.values()) > 100


@pytest.mark.parametrize("seed", [3, 4])
def test_a_database_changes_nothing_in_the_story(seed: int) -> None:
    """The same seed on the same database gives the same story, thread or no thread."""
    first, second = (run_seed(Scenario(store=sqlite_store, sizes=SMALL), seed, trace=True).trace for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
