"""No hot statement reads a whole table, however large it grows, and however empty it was when it was prepared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.order import Status
from order_engine.ports.repository import OrderQuery, PageKey
from order_engine_adapters.postgres.connection.target import Connection, connect, within
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.reading import lists
from order_engine_adapters.postgres.reading.event_stream import BY_SERIAL, BY_TRANSACTION, FIRST_NEW, MARKS, PRESENT
from order_engine_adapters.postgres.reading.orders import HISTORY, MET, SOME, STATES
from order_engine_adapters.postgres.writing import claim_statements
from order_engine_adapters.postgres.writing.insert_statements import BINDINGS, STORE_NEW
from order_engine_adapters.postgres.writing.order_updates import EXISTING, LOCK
from order_engine_adapters.postgres.writing.report_statements import COMPLETE, CURRENT, RENEW, REPORT
from tests.integration.postgres.support import complete, execute, new_schema

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = ["order-1", "order-2"]
NONE = [None, None]

HOT = {
    "store": (
        STORE_NEW,
        (TEXTS, TEXTS, TEXTS, TEXTS, NONE, NONE, NONE, [True, False], "claim", 1, ["key"], ["a"], [False], [b""], "1s"),
        ("contents_order_id", "idempotency_keys_pkey"),
    ),
    "met": (MET, (TEXTS,), ("contents_order_id", "orders_pkey")),
    "keys": (BINDINGS, (TEXTS,), ("idempotency_keys_pkey",)),
    "complete": (COMPLETE, (TEXTS, [1, 1], NONE), ("contents_order_id", "orders_pkey")),
    "report": (
        REPORT,
        (TEXTS, [1, 1], NONE, ["retry", "release"], [1, 0], NOW),
        ("contents_order_id", "orders_pkey"),
    ),
    "lock": (LOCK, (TEXTS,), ("contents_order_id", "orders_pkey")),
    "existing": (EXISTING, (TEXTS,), ("contents_order_id",)),
    "current": (CURRENT, (TEXTS, [1, 1]), ("contents_order_id", "orders_pkey")),
    "renew": (RENEW, (TEXTS, [1, 1], 1), ("contents_order_id", "orders_pkey")),
    "claim due": (
        claim_statements.CLAIM_DUE,
        ("claim", 1, 100, True, 5, 3, NOW, 1_000_000, 10.0),
        ("orders_ready", "orders_later", "orders_held", "orders_suspect"),
    ),
    "claim named": (
        claim_statements.CLAIM_NAMED,
        ("claim", 1, 100, True, TEXTS, 1_000_000),
        ("contents_order_id", "orders_pkey"),
    ),
    "claim one by one": (
        claim_statements.DUE,
        (NOW, NOW, 0, 100, True, 5, 3, 1_000_000),
        ("orders_ready", "orders_later", "orders_held", "orders_suspect"),
    ),
    "held": (claim_statements.HELD, ("claim", "", 1_000_000), ("orders_of_claim",)),
    "named": (claim_statements.NAMED, (TEXTS, 1_000_000), ("contents_order_id", "orders_pkey")),
    "some": (SOME, (TEXTS, 1_000_000), ("contents_order_id", "orders_pkey")),
    "states": (STATES, (TEXTS,), ("contents_order_id", "orders_pkey")),
    "history": (HISTORY, ("order-1", 0, 10), ("contents_order_id", "events_of_order")),
    "present": (PRESENT, (), ("events_of_transaction", "contents_pkey")),
    "marks": (MARKS, ([1, 2],), ("events_pkey", "contents_pkey")),
    "events": (BY_SERIAL, ("1:1:", "10:10:", 0, 10), ("events_pkey",)),
    "new events": (BY_TRANSACTION, ("10:12:10,11", "20:20:", 0, 10), ("events_of_transaction",)),
    "first new event": (FIRST_NEW, ("10:12:10,11", "20:20:"), ("events_of_transaction",)),
}


@asynccontextmanager
async def _connection(*, full: bool) -> AsyncIterator[Connection]:
    """Connect as a repository does to a schema, which is empty or has thousands of orders, most of them ended."""
    target = await new_schema()
    async with open_target(target) as repository:
        for number in range(8 if full else 0):
            added = await repository.add(
                [placement(f"order-{number}-{index}", user_id=f"user-{index % 40}") for index in range(400)],
                terms(f"claim-{number}", limit=380),
            )
            held = [each.order for each in added if each.order is not None and each.order.leased]
            await repository.apply([complete(order) for order in held])
    if full:
        await execute(target, "ANALYZE {schema}.orders; ANALYZE {schema}.contents; ANALYZE {schema}.events")
    connection = await connect(target)
    try:
        await connection.execute(f"SET search_path = {target.schema}; SET plan_cache_mode = force_generic_plan")
        yield connection
    finally:
        await connection.close()


async def _plan(connection: Connection, sql: str, *arguments: object) -> str:
    (schema,) = await connection.fetchrow("SELECT current_schema()") or ("",)
    rows = await connection.fetch("EXPLAIN " + within(sql, schema), *arguments)
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("full", [False, True])
async def test_hot_statements_use_their_indexes(full: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Every hot statement finds its rows by the indexes that are made for it, and sorts no table."""
    async with _connection(full=full) as connection:
        for name, (sql, arguments, indexes) in HOT.items():
            plan = await _plan(connection, sql, *arguments)
            for index in indexes:
                assert index in plan, (name, index, plan)
            for table in ("orders", "contents", "events", "idempotency_keys"):
                assert f"Seq Scan on {table}" not in plan, (name, plan)
            assert "Bitmap" not in plan, (name, plan)
            assert name not in {"new events", "first new event"} or "events_pkey" not in plan, (name, plan)


@pytest.mark.parametrize("status", [None, Status.PENDING, Status.COMPLETED])
@pytest.mark.parametrize("user_id", [None, "user-1"])
async def test_lists_walk_along_an_index(status: Status | None, user_id: str | None) -> None:
    """Every list walks along an index that has its order already, and sorts the orders of one time at most."""
    async with _connection(full=True) as connection:
        for after in (None, PageKey(datetime.now(UTC) + timedelta(days=1), "order")):
            query = OrderQuery(limit=10, status=status, user_id=user_id, after=after)
            sql, arguments = lists._statement(query)  # noqa: SLF001 - the statement that `list_orders` executes
            plan = await _plan(connection, sql, 11, 1_000_000, *arguments)
            assert "Incremental Sort" in plan, plan
            assert "Seq Scan" not in plan, plan
