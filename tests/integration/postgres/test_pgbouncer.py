"""Behind PgBouncer in transaction mode, where many clients share few sessions of the server and none is anybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine.domain.order import Status
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Connection, connect, parse, within
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.schema.migrations import migrate_target, shipped
from tests.integration.postgres.bells import PATIENCE_SECONDS, new_channel, opened, ring_until_heard, told_unavailable
from tests.integration.postgres.pooler import Pooler, running_pooler
from tests.integration.postgres.support import complete, execute, new_schema, server_url
from tests.integration.postgres.test_plans import HOT


@pytest.fixture(scope="module")
def pooler() -> Iterator[Pooler]:
    """Run PgBouncer with two connections to the server."""
    with running_pooler(server_url()) as running:
        yield running


async def test_more_connections_than_the_server_has(pooler: Pooler) -> None:
    """Repositories with 24 connections in all on two of the server place, claim and complete every order once."""
    schema = (await new_schema()).schema
    target = pooler.target(schema, pool=8)
    async with open_target(target) as one, open_target(target) as two, open_target(target) as three:
        everyone = (one, two, three)
        names = [f"order-{number}" for number in range(300)]
        await asyncio.gather(*(everyone[place % 3].add([placement(name)]) for place, name in enumerate(names)))
        claimed: list[str] = []

        async def work(worker: int) -> None:
            for number in range(20):
                orders = (await everyone[worker % 3].claim(terms(f"claim-{worker}-{number}", limit=5))).orders
                reports = await everyone[worker % 3].apply([complete(order) for order in orders])
                assert {report.refusal for report in reports} <= {None}
                claimed.extend(order.order_id for order in orders)

        await asyncio.gather(*map(work, range(9)))
        assert sorted(claimed) == sorted(names)
        assert (await one.statistics()).status_counts[Status.COMPLETED] == len(names)


async def test_processes_that_migrate_together(pooler: Pooler) -> None:
    """The lock of the migrations is a transaction's, so any number may migrate at once here as well."""
    target = pooler.target("migrated_through_pgbouncer")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(migrate_target(target, shipped()) for _ in range(10)))
    assert await migrate_target(target, shipped(), dry_run=True) == []


async def test_plans_are_the_same(pooler: Pooler) -> None:
    """The hot statements use index scans here, too, on full tables without statistics."""
    straight = await new_schema()
    await execute(straight, "ALTER TABLE {schema}.orders SET (autovacuum_enabled = off)")
    async with open_target(straight) as repository:
        for number in range(20):
            added = await repository.add(
                [placement(f"order-{number}-{index}") for index in range(400)], terms(f"claim-{number}", limit=380)
            )
            await repository.apply([complete(each.order) for each in added if each.order and each.order.leased])
    target = pooler.target(straight.schema)
    connection = await connect(target)
    try:
        for name, (sql, arguments, _) in HOT.items():
            await connection.execute(target.begin)
            rows = await connection.fetch("EXPLAIN " + within(sql, target.schema), *arguments)
            await connection.execute("ROLLBACK")
            plan = "\n".join(row[0] for row in rows)
            for table in ("orders", "contents", "events", "idempotency_keys"):
                assert f"Seq Scan on {table}" not in plan, (name, plan)
            assert "Bitmap" not in plan, (name, plan)
    finally:
        await connection.close()


async def test_settings_stay_within_the_transaction(pooler: Pooler) -> None:
    """Our settings apply in our transactions and do not leak into shared sessions."""
    target = pooler.target((await new_schema()).schema)
    names = list(target.settings)
    async with open_target(target) as repository:
        await repository.add([placement("order-1")])
        connection = await connect(target)
        try:
            async with connection.transaction():
                before = [await _shown(connection, name) for name in names]
            await connection.execute(target.begin)
            within_it = [await _shown(connection, name) for name in names]
            await connection.execute("COMMIT")
            async with connection.transaction():
                after = [await _shown(connection, name) for name in names]
        finally:
            await connection.close()
    limits = {"statement_timeout": "7s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "15s"}
    wanted = {**target.settings, **limits}
    assert within_it == [wanted[name] for name in names]
    assert after == before
    assert after[names.index("enable_seqscan")] == "on"


async def test_every_call_has_the_settings(pooler: Pooler) -> None:
    """Reads, single statements and transactions alike are planned and limited as they are at the server itself."""
    sessions = Sessions(pooler.target((await new_schema()).schema))
    names = ("enable_seqscan", "statement_timeout")

    async def tell(session: Session) -> list[str]:
        return [await session.value("SELECT current_setting($1)", name) for name in names]

    try:
        for call in (sessions.read, sessions.write, sessions.transact):
            assert await call(tell) == ["off", "7s"]
    finally:
        await sessions.close()


async def _shown(connection: Connection, name: str) -> str:
    return str(await connection.fetchval(f"SHOW {name}"))


async def test_locks_are_waited_for_in_vain(pooler: Pooler) -> None:
    """The lock timeout applies without session settings: the call is Unavailable with the reason."""
    straight = await new_schema()
    async with open_target(pooler.target(straight.schema)) as repository:
        await repository.add([placement("order-1")])
        holder = await connect(straight)
        try:
            async with holder.transaction():
                await holder.execute(f"LOCK TABLE {straight.schema}.orders")
                with pytest.raises(Unavailable, match="did not grant a lock"):
                    await repository.apply([Command("order-1", Action.CANCEL)])
        finally:
            await holder.close()
        (applied,) = await repository.apply([Command("order-1", Action.CANCEL)])
        assert applied.refusal is None


async def test_url_without_the_setting_is_refused(pooler: Pooler) -> None:
    """Without statement_cache_size=0 the URL is refused, with the remedy."""
    with pytest.raises(InvalidSetting, match="statement_cache_size=0"):
        await connect(parse(pooler.url))


async def test_bell_is_refused_where_nothing_would_be_heard(pooler: Pooler) -> None:
    """With `notify=on` the queue reports that notifications do not work, instead of waiting forever."""
    url = new_channel(pooler.url) + "&statement_cache_size=0&notify=on"
    async with opened(url) as queue:
        told = await told_unavailable(queue)
    assert "notify=off" in told
    assert "PgBouncer" in told


async def test_bell_is_heard_in_session_mode() -> None:
    """Where PgBouncer leaves a client its session for as long as it stays, the bell and the repository work."""
    with running_pooler(server_url(), mode="session", servers=8) as pooler:
        url = new_channel(pooler.url) + "&statement_cache_size=0&notify=on"
        async with opened(url) as one, opened(url) as two:
            await ring_until_heard(one, two)
        async with open_target(replace(pooler.target((await new_schema()).schema), pool=2)) as repository:
            await repository.add([placement("order-1")])
