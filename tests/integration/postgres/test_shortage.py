"""Where no new connection is to be had, those that are open do the work: a shortage is no outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from order_engine import NewOrder, Order
from order_engine.contracts.samples import placement, terms
from order_engine.domain.errors import Unavailable
from order_engine.domain.order import Status
from order_engine_adapters import open_engine
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.bells import until
from tests.integration.postgres.pooler import running_pooler
from tests.integration.postgres.support import complete, execute, new_schema, server_url

POOL = 8
NEW = NewOrder(order_id="first", user_id="user-1", item_ids=["item-1"], total_amount="50.00")
ROLE = "with_few_connections"
CONNECTIONS = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}'"  # noqa: S608 - a constant


@asynccontextmanager
async def _few_connections(number: int) -> AsyncIterator[tuple[Target, Target]]:
    """Make a role that may have so many connections; give the schema's target, and that of the role with more."""
    target = await new_schema()
    await execute(target, f"CREATE ROLE {ROLE} SUPERUSER LOGIN CONNECTION LIMIT {number}")
    # The limit is for roles that are not superusers, so the rights are given one by one.
    await execute(target, f"ALTER ROLE {ROLE} NOSUPERUSER; GRANT ALL ON SCHEMA {{schema}} TO {ROLE}")
    await execute(target, f"GRANT ALL ON ALL TABLES IN SCHEMA {{schema}} TO {ROLE}")
    await execute(target, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {{schema}} TO {ROLE}")
    try:
        yield target, replace(target, url=target.url.replace("//postgres@", f"//{ROLE}@"), pool=POOL)
    finally:
        await execute(target, f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


async def _work(repository: PostgresRepository, orders: int) -> None:
    """Place, claim, report and read, much of it at once."""
    names = [f"order-{number}" for number in range(orders)]
    await asyncio.gather(*(repository.add([placement(name)]) for name in names))
    claims = await asyncio.gather(*(repository.claim(terms(f"claim-{number}", limit=10)) for number in range(orders)))
    reports = [repository.apply([complete(order) for order in claim.orders]) for claim in claims if claim.orders]
    reads = [repository.get([name]) for name in names]
    await asyncio.gather(*reports, *reads)
    assert (await repository.statistics()).total_orders == orders


@pytest.mark.parametrize("number", [1, 3])
async def test_fewer_connections_than_the_pool_wants(number: int) -> None:
    """With a limit below the pool's size every call of a burst succeeds, on the connections that are to be had."""
    async with _few_connections(number) as (server, few), open_target(few) as repository:
        await _work(repository, 60)
        ((used,),) = await execute(server, CONNECTIONS)
        assert used == number


async def test_grows_when_it_may() -> None:
    """When the limit is lifted the pool has more connections, without anybody's help."""
    async with _few_connections(1) as (server, few), open_target(few) as repository:
        await asyncio.gather(*(repository.apply([]) for _ in range(20)))
        await execute(server, f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")

        async def has_grown() -> bool:
            await asyncio.gather(*(repository.statistics() for _ in range(20)))
            return bool((await execute(server, CONNECTIONS))[0][0] == POOL)

        await until(has_grown)


async def test_others_take_every_connection() -> None:
    """While others use every connection slot, open connections serve; without any, the error is raised."""
    async with _few_connections(2) as (_, few), open_target(few) as repository:
        await repository.apply([])
        other = await connect(few)
        try:
            await _work(repository, 40)
            with pytest.raises(Unavailable, match="no disk space, memory or connections left"):
                await connect(few)
        finally:
            await other.close()


async def test_pooler_that_takes_no_more_clients() -> None:
    """The error of PgBouncer at its own limit is handled like any other shortage."""
    straight = await new_schema()
    with running_pooler(server_url(), clients=3) as pooler:
        async with open_target(pooler.target(straight.schema, pool=POOL)) as repository:
            await _work(repository, 40)


async def test_password_that_was_changed() -> None:
    """Open sessions survive a password change: calls work although no new session can be opened."""
    async with _few_connections(POOL) as (server, few), open_target(few) as repository:
        await asyncio.gather(*(repository.apply([]) for _ in range(2)))
        await execute(server, f"ALTER ROLE {ROLE} NOLOGIN")
        await _work(repository, 40)


async def test_engine_stays_ready() -> None:
    """An engine with one connection and its bell serves a burst of placings, is ready throughout, and ends them all."""
    async with _few_connections(3) as (server, few):
        url = f"{few.url}&schema={few.schema}&pool={POOL}"

        async def work(_: Order) -> None:
            await asyncio.sleep(0)

        async with open_engine(url, processor=work) as engine:
            await engine.place(NEW)
            placing = asyncio.gather(*(engine.place(replace(NEW, order_id=f"order-{number}")) for number in range(100)))
            while not placing.done():
                assert engine.ready
                await asyncio.sleep(0.005)
            await placing
            ended = await asyncio.gather(*(engine.wait_for(f"order-{number}") for number in range(100)))
            assert {order.status for order in ended} == {Status.COMPLETED}
            assert engine.ready
            assert (await execute(server, CONNECTIONS))[0][0] <= 3
