"""Trace parents in a database file: kept over a restart, and added to a file from before there were any."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from order_engine.contracts.samples import OTHER_TRACE_PARENT, TRACE_PARENT, placement
from order_engine.domain.commands import Action
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import AddOutcome
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite.driver import open_file
from order_engine_adapters.sqlite.schema.migrations import migrate, shipped
from tests.unit.sqlite.support import report, snapshot, take

BEFORE_TRACES: Final = 1
"""The last migration without them."""
OLD_PLACING: Final = (
    "INSERT INTO placings (serial, order_id, user_id, created_at, status, version, token, claim_id, lease_ends, "
    "processing_started_at, item_ids, total_amount, currency, attributes) "
    """VALUES (?, ?, 'user-1', ?, ?, ?, ?, ?, ?, ?, '["item-1","item-2","item-1"]', '50.00', 'GBP', """
    """'{"gift":true,"note":"ring twice"}')"""
)
"""As the version before wrote the plain placement of the kit."""
AT: Final = 1_767_268_800_000_000
PENDING: Final = ("Pending", 1, 0, None, None, None)
HELD: Final = ("Processing", 2, 1, "claim-0", AT + 30_000_000, AT)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return the path of a file of the previous version, with one pending and one leased order."""
    path = tmp_path / "orders.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, AT, shipped()[:BEFORE_TRACES])
        for serial, state in enumerate((PENDING, HELD), start=1):
            connection.execute(OLD_PLACING, (serial, f"order-{serial}", AT, *state))
    return path


async def test_trace_parents_outlast_a_restart(tmp_path: Path) -> None:
    """What is told after it is what was told before, of an order that has one and of one that has none."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        await repository.add([placement("order-1", trace_parent=TRACE_PARENT), placement("order-2")])
        before = await snapshot(repository)
    async with open_file(path, clock=ManualClock()) as repository:
        assert await snapshot(repository) == before
        assert [order.trace_parent for order in before.orders.values()] == [None, TRACE_PARENT]
        (again,) = await repository.add([placement("order-1", trace_parent=OTHER_TRACE_PARENT)])
        assert (again.outcome, again.order) == (AddOutcome.REPLAYED, before.orders["order-1"])


async def test_an_old_file_keeps_its_orders(old: Path) -> None:
    """They have no trace parent, and everything else that they had: content, state, history and counters."""
    async with open_file(old, clock=ManualClock()) as repository:
        found = await snapshot(repository)
    plain = placement("order-1")
    waiting, held = found.orders["order-1"], found.orders["order-2"]
    assert _content(waiting) == _content(held) == (plain.user_id, plain.item_ids, plain.total_amount, plain.currency,
                                                   plain.attributes, None)  # fmt: skip
    assert (waiting.status, held.status, held.token, held.claim_id) == (Status.PENDING, Status.PROCESSING, 1, "claim-0")
    assert [len(history) for history in found.histories.values()] == [2, 1]
    assert [found.statistics.status_counts[status] for status in (Status.PENDING, Status.PROCESSING)] == [1, 1]
    assert found.statistics.total_orders == 2


async def test_an_old_file_takes_new_orders_and_works_on_old_ones(old: Path) -> None:
    """An old order placed again is a replay without a trace; a new one keeps its trace; both are completed."""
    async with open_file(old, clock=ManualClock()) as repository:
        replayed, added = await repository.add(
            [placement("order-1", trace_parent=TRACE_PARENT), placement("order-3", trace_parent=TRACE_PARENT)]
        )
        assert (replayed.outcome, added.outcome) == (AddOutcome.REPLAYED, AddOutcome.ADDED)
        for order in await take(repository, "order-1", "order-3", claim_id="claim-1"):
            await report(repository, order, Action.COMPLETE)
        before = await snapshot(repository)
    async with open_file(old, clock=ManualClock()) as repository:
        assert (await snapshot(repository)).orders == before.orders
    traced = {order.order_id: (order.status, order.trace_parent) for order in before.orders.values()}
    assert traced["order-1"] == (Status.COMPLETED, None)
    assert traced["order-3"] == (Status.COMPLETED, TRACE_PARENT)


def _content(order: Order) -> tuple[object, ...]:
    return order.user_id, order.item_ids, order.total_amount, order.currency, order.attributes, order.trace_parent
