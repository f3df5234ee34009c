"""Rebuild of the counters of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_engine import InvalidSetting, RepositoryHeld
from order_engine.contracts.samples import placement
from order_engine.domain.commands import Action
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Status
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import rebuild_counters
from order_engine_adapters.sqlite.connection.connection import Database
from order_engine_adapters.sqlite.driver import open_file
from tests.unit.sqlite.support import report, take

SPOIL = "UPDATE statistics SET completed = completed + 7, total_orders = 0, processing_microseconds = 1"


async def _some_orders(path: Path) -> Statistics:
    """Leave orders in several statuses, the completed one having taken two seconds."""
    clock = ManualClock()
    async with open_file(path, clock=clock, synchronous="OFF") as repository:
        await repository.add([placement(f"order-{number}") for number in range(6)])
        completed, failed, _ = await take(repository, "order-0", "order-1", "order-2", claim_id="claim-1")
        await clock.advance(2)
        await report(repository, completed, Action.COMPLETE)
        await report(repository, failed, Action.FAIL)
        (released,) = await take(repository, "order-3", claim_id="claim-2")
        await report(repository, released, Action.RELEASE)
        return await repository.statistics()


def _spoil(path: Path) -> None:
    database = Database(path, "OFF")
    database.open(0)
    database.transact([(SPOIL, ())])
    database.close()


async def test_counted_anew_they_are_the_same(tmp_path: Path) -> None:
    """A rebuild confirms correct counters and repairs wrong ones."""
    path = tmp_path / "orders.db"
    url = f"sqlite:///{path}"
    exact = await _some_orders(path)
    assert (exact.total_orders, exact.processing_microseconds) == (6, 2_000_000)
    assert await rebuild_counters(url, ManualClock()) == (exact, exact)
    _spoil(path)
    spoilt, now = await rebuild_counters(url, ManualClock())
    assert (spoilt.total_orders, spoilt.status_counts[Status.COMPLETED], spoilt.processing_microseconds) == (0, 8, 1)
    assert now == exact
    async with open_file(path, clock=ManualClock(), synchronous="OFF") as repository:
        assert await repository.statistics() == exact


async def test_a_file_without_orders_counts_nothing(tmp_path: Path) -> None:
    """All figures are 0, and no figure is missing."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock(), synchronous="OFF"):
        pass
    before, now = await rebuild_counters(f"sqlite:///{path}", ManualClock())
    assert before == now
    assert (now.total_orders, now.processing_microseconds) == (0, 0)


async def test_a_file_that_somebody_holds_is_left_alone(tmp_path: Path) -> None:
    """The error names the process that has the lock."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock(), synchronous="OFF") as repository:
        await repository.add([placement("order-1")])
        with pytest.raises(RepositoryHeld):
            await rebuild_counters(f"sqlite:///{path}", ManualClock())
        assert (await repository.statistics()).total_orders == 1


async def test_a_url_that_names_no_file_is_refused() -> None:
    """As when it is opened."""
    with pytest.raises(InvalidSetting, match="has no file"):
        await rebuild_counters("sqlite://", ManualClock())
