"""A host application places orders within its own transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.order import Status
from order_engine.ports.repository import AddOutcome
from order_engine_adapters.postgres.connection.target import Connection
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.support import execute, new_schema


@asynccontextmanager
async def _host() -> AsyncIterator[tuple[PostgresRepository, Connection]]:
    """Open a repository, and a connection of the host's own making with a table of its own."""
    target = await new_schema()
    await execute(target, "CREATE TABLE {schema}.invoices (number integer PRIMARY KEY)")
    connection = await asyncpg.connect(target.url, server_settings={"search_path": target.schema})
    try:
        async with open_target(target) as repository:
            yield repository, connection
    finally:
        await connection.close()


async def test_order_and_own_rows_commit_together() -> None:
    """The order exists when the host's transaction commits, and not before."""
    async with _host() as (repository, connection):
        async with connection.transaction():
            await connection.execute("INSERT INTO invoices VALUES (1)")
            (added,) = await repository.add([placement("order-1")], connection=connection)
            assert added.outcome is AddOutcome.ADDED
            assert await repository.get(["order-1"]) == {}
        assert (await repository.get(["order-1"]))["order-1"] == added.order
        assert await connection.fetchval("SELECT count(*) FROM invoices") == 1
        assert (await repository.statistics()).status_counts[Status.PENDING] == 1


async def test_rollback_leaves_nothing() -> None:
    """After a rollback there is no order, no event, no key and no count."""
    async with _host() as (repository, connection):
        end = (await repository.events(None, 0)).next
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("INSERT INTO invoices VALUES (1)")
        wanted = [placement("order-1", idempotency_key="key-1")]
        await repository.add(wanted, terms("claim-1"), connection=connection)
        await transaction.rollback()
        assert await repository.get(["order-1"]) == {}
        assert not (await repository.events(end, 10)).events
        assert (await repository.statistics()).total_orders == 0
        assert not (await repository.claim(terms("claim-2"))).orders
        (added,) = await repository.add([placement("order-2", idempotency_key="key-1")])
        assert added.outcome is AddOutcome.ADDED


async def test_refusals_leave_the_transaction_usable() -> None:
    """A conflict or an item that cannot be stored fails alone; what the host did besides is committed."""
    async with _host() as (repository, connection):
        await repository.add([placement("order-1")])
        async with connection.transaction():
            await connection.execute("INSERT INTO invoices VALUES (1)")
            wanted = [placement("order-1", user_id="other"), placement("a\0b"), placement("order-2")]
            outcomes = await repository.add(wanted, connection=connection)
        expected = [AddOutcome.CONFLICT, AddOutcome.REFUSED, AddOutcome.ADDED]
        assert [added.outcome for added in outcomes] == expected
        assert await connection.fetchval("SELECT count(*) FROM invoices") == 1
        assert list(await repository.get(["order-2"])) == ["order-2"]


async def test_same_order_meanwhile_is_busy() -> None:
    """Placing the order of an open transaction is busy; after its commit it is a replay."""
    async with _host() as (repository, connection):
        async with connection.transaction():
            await repository.add([placement("order-1")], connection=connection)
            outcomes = await repository.add([placement("order-1"), placement("order-2")])
            assert [added.outcome for added in outcomes] == [AddOutcome.BUSY, AddOutcome.ADDED]
        (added,) = await repository.add([placement("order-1")])
        assert added.outcome is AddOutcome.REPLAYED


async def test_connection_without_a_transaction_is_refused() -> None:
    """Without a transaction the call would be atomic with nothing: it is an error, and nothing is stored."""
    async with _host() as (repository, connection):
        with pytest.raises(ValueError, match="open transaction"):
            await repository.add([placement("order-1")], connection=connection)
        assert await repository.get(["order-1"]) == {}
