"""Trace parents in PostgreSQL: kept over a restart, and added to a schema from before there were any."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Final

import pytest

from order_engine.contracts.samples import OTHER_TRACE_PARENT, TRACE_PARENT, placement
from order_engine.domain.errors import Unavailable
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import AddOutcome, OrderQuery
from order_engine_adapters.postgres.connection.target import Target, connect, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.migrations import migrate_target, shipped
from tests.integration.postgres.support import complete, execute, new_schema, server_url, take

BEFORE_TRACES: Final = 2
"""The last migration without them."""
OLD_ORDERS: Final = """
INSERT INTO {schema}.contents (serial, created_at, order_id, user_id, item_ids, total_amount, currency, attributes)
SELECT serial, now(), 'order-' || serial, 'user-1', '["item-1","item-2","item-1"]', '50.00', 'GBP',
    '{{"gift":true,"note":"ring twice"}}'
FROM generate_series({first}, {first} + 1) AS serial;
INSERT INTO {schema}.orders (serial, token, created_at, updated_at, lease_ends, processing_started_at, version, round,
    attempts, failures, vanished, cancel_requested, status, claim_id)
VALUES ({first}, 0, now(), now(), NULL, NULL, 1, 1, 0, 0, 0, false, 'Pending', NULL),
    ({first} + 1, 1, now(), now(), now() + interval '1 hour', now(), 2, 1, 1, 0, 0, false, 'Processing', 'claim-0');
INSERT INTO {schema}.events (order_serial, version, type, at, token, attempt)
VALUES ({first}, 1, 'placed', now(), NULL, NULL), ({first} + 1, 1, 'placed', now(), NULL, NULL),
    ({first} + 1, 2, 'claimed', now(), 1, 1);
SELECT setval('{schema}.serials', {first} + 1);
"""
"""As the version before wrote the plain placement of the kit: one order waits, one is held."""


async def _old() -> Target:
    """Make a schema of the version before, with its orders."""
    target = replace(parse(server_url()), schema=f"test_{uuid.uuid4().hex[:12]}", pool=2)
    await migrate_target(target, shipped()[:BEFORE_TRACES])
    await _write_as_before(target, first=1)
    return target


async def _write_as_before(target: Target, first: int) -> None:
    await execute(target, OLD_ORDERS.replace("{first}", str(first)))


async def test_trace_parents_outlast_a_restart() -> None:
    """What is told after it is what was told before, of an order that has one and of one that has none."""
    target = await new_schema()
    async with open_target(target) as repository:
        await repository.add([placement("order-1", trace_parent=TRACE_PARENT), placement("order-2")])
        before = await _orders(repository)
    async with open_target(target) as repository:
        assert await _orders(repository) == before
        assert [before[order_id].trace_parent for order_id in ("order-1", "order-2")] == [TRACE_PARENT, None]
        (again,) = await repository.add([placement("order-1", trace_parent=OTHER_TRACE_PARENT)])
        assert (again.outcome, again.order) == (AddOutcome.REPLAYED, before["order-1"])


async def test_an_old_schema_keeps_its_orders() -> None:
    """They have no trace parent, and everything else that they had: content, state, history and counters."""
    target = await _old()
    await migrate_target(target, shipped())
    async with open_target(target) as repository:
        found = await _orders(repository)
        histories = [len(await repository.history(order_id, 0, 10)) for order_id in ("order-1", "order-2")]
        statistics = await repository.statistics()
    plain = placement("order-1")
    waiting, held = found["order-1"], found["order-2"]
    assert _content(waiting) == _content(held) == (plain.user_id, plain.item_ids, plain.total_amount, plain.currency,
                                                   plain.attributes, None)  # fmt: skip
    assert (waiting.status, held.status, held.token, held.claim_id) == (Status.PENDING, Status.PROCESSING, 1, "claim-0")
    assert histories == [1, 2]
    assert [statistics.status_counts[status] for status in (Status.PENDING, Status.PROCESSING)] == [1, 1]


async def test_an_old_schema_takes_new_orders_and_works_on_old_ones() -> None:
    """An old order placed again is a replay without a trace; a new one keeps its trace; both are completed."""
    target = await _old()
    await migrate_target(target, shipped())
    async with open_target(target) as repository:
        replayed, added = await repository.add(
            [placement("order-1", trace_parent=TRACE_PARENT), placement("order-3", trace_parent=TRACE_PARENT)]
        )
        assert (replayed.outcome, added.outcome) == (AddOutcome.REPLAYED, AddOutcome.ADDED)
        held = await take(repository, "order-1", "order-3", claim_id="claim-1")
        assert {order.order_id: order.trace_parent for order in held} == {"order-1": None, "order-3": TRACE_PARENT}
        await repository.apply(list(map(complete, held)))
        found = await _orders(repository)
    assert (found["order-1"].status, found["order-1"].trace_parent) == (Status.COMPLETED, None)
    assert (found["order-3"].status, found["order-3"].trace_parent) == (Status.COMPLETED, TRACE_PARENT)


async def test_a_process_of_the_version_before_goes_on_beside_it() -> None:
    """What it writes after the migration names its columns, and so has no trace parent: no process need stop first."""
    target = await _old()
    await migrate_target(target, shipped())
    await _write_as_before(target, first=11)
    async with open_target(target) as repository:
        found = await _orders(repository)
    assert set(found) == {"order-1", "order-2", "order-11", "order-12"}
    assert {order.trace_parent for order in found.values()} == {None}


async def test_nobody_waits_behind_a_migration_that_waits() -> None:
    """A migration blocked by an open transaction gives up cleanly with the reason; later it succeeds."""
    target = await _old()
    hurried = [replace(each, sql=each.sql.replace("'3s'", "'100ms'")) for each in shipped()]
    assert hurried[BEFORE_TRACES] != shipped()[BEFORE_TRACES]
    connection = await connect(target)
    try:
        async with connection.transaction():
            await connection.execute(f'SELECT FROM "{target.schema}".contents')
            with pytest.raises(Unavailable, match="did not grant a lock in time"):
                await migrate_target(target, hurried)
    finally:
        await connection.close()
    pending = await migrate_target(target, shipped(), dry_run=True)
    assert pending == shipped()[BEFORE_TRACES:]
    assert await migrate_target(target, shipped()) == pending


async def _orders(repository: PostgresRepository) -> dict[str, Order]:
    return {order.order_id: order for order in (await repository.list(OrderQuery(limit=100))).orders}


def _content(order: Order) -> tuple[object, ...]:
    return order.user_id, order.item_ids, order.total_amount, order.currency, order.attributes, order.trace_parent
