"""Engines in virtual time on a real PostgreSQL: every fault between them and it, and every promise kept."""

from __future__ import annotations

from tests.integration.simulate_databases import postgres_store, simulate

SEEDS = 10


def test_postgres_keeps_every_promise_under_the_faults_of_a_simulation() -> None:
    """The seeds that memory and SQLite are tried with as well; the database's time is the simulation's."""
    *_, summary = simulate(postgres_store(), range(SEEDS))
    assert summary.findings == []
    assert summary.seeds == SEEDS
    assert sum(summary.faults.values()) > 100
