"""What a session keeps from the time it was opened does not outlive its cause: read-only, plans for other tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine_adapters.postgres.connection.failures import RACES
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.migrations import migrate_target, shipped
from tests.integration.postgres.support import complete, execute, new_schema, server_url
from tests.unit.postgres.test_failures import CODES, DOUBTFUL_CLASSES, EXCEPTIONS

DATABASE = "of_stale_sessions"
POOL = 4
END_SESSIONS = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND pid <> pg_backend_pid()
"""  # noqa: S608 - a constant


@asynccontextmanager
async def _own_database() -> AsyncIterator[tuple[Target, Target]]:
    """Make a database of one's own; give its server's target, to change its settings, and its own."""
    server = parse(server_url())
    await execute(server, f"CREATE DATABASE {DATABASE}")
    target = replace(parse(server_url().rpartition("/")[0] + f"/{DATABASE}"), pool=POOL)
    try:
        await migrate_target(target, shipped())
        yield server, target
    finally:
        await execute(server, f"DROP DATABASE {DATABASE} (FORCE)")


async def _place(repository: PostgresRepository, *names: str) -> None:
    await asyncio.gather(*(repository.add([placement(name)]) for name in names))


@pytest.mark.parametrize("whose", [f"DATABASE {DATABASE}", "ROLE postgres"])
async def test_sessions_that_were_opened_while_all_was_read_only(whose: str) -> None:
    """As soon as the database takes changes, every call succeeds, though all sessions were opened while it did not."""
    async with _own_database() as (server, target), open_target(target) as repository:
        await _place(repository, "order-1")
        await execute(server, f"ALTER {whose} SET default_transaction_read_only = on")
        try:
            await execute(server, END_SESSIONS)
            await asyncio.gather(*(repository.get(["order-1"]) for _ in range(3 * POOL)))
            with pytest.raises(Unavailable, match="is read-only"):
                await repository.add([placement("order-2")])
            # Now every connection is one that was opened as things are.
            found = await asyncio.gather(*(repository.get(["order-1"]) for _ in range(3 * POOL)))
            assert all(found)
            with pytest.raises(Unavailable, match="is read-only"):
                await repository.apply([])
            await asyncio.gather(*(repository.get(["order-1"]) for _ in range(3 * POOL)))
        finally:
            no_longer = replace(server, url=f"{server.url}&options=-c%20default_transaction_read_only%3Doff")
            await execute(no_longer, f"ALTER {whose} RESET default_transaction_read_only")
        await _place(repository, *(f"after-{number}" for number in range(3 * POOL)))
        claimed = (await repository.claim(terms("claim-1", limit=100))).orders
        applied = await repository.apply([complete(each) for each in claimed])
        assert {each.refusal for each in applied} == {None}
        assert (await repository.statistics()).total_orders == 1 + 3 * POOL


async def test_schema_that_is_dropped_and_comes_back() -> None:
    """Without its tables every call is Unavailable with the reason; after a restore every call succeeds."""
    target = await new_schema()
    async with open_target(target) as repository:
        await _place(repository, *(f"order-{number}" for number in range(8)))
        await execute(target, "DROP SCHEMA {schema} CASCADE")
        for call in (
            lambda: repository.add([placement("order-1")]),
            lambda: repository.add([placement("order-1"), placement("order-1")]),
            lambda: repository.claim(terms("claim-1")),
            lambda: repository.apply([]),
            lambda: repository.apply([Command("order-1", Action.CANCEL)]),
            lambda: repository.get(["order-1"]),
            lambda: repository.events(None, 10),
            repository.statistics,
        ):
            with pytest.raises(Unavailable, match="lacks a table"):
                await call()
        # As far as a restore has come: tables without columns and functions.
        await execute(
            target, "CREATE SCHEMA {schema}; CREATE TABLE {schema}.orders (); CREATE TABLE {schema}.contents ()"
        )
        with pytest.raises(Unavailable, match="being restored"):
            await repository.get(["order-1"])
        await execute(target, "DROP SCHEMA {schema} CASCADE")
        await migrate_target(target, shipped())
        await _place(repository, *(f"order-{number}" for number in range(8)))
        assert (await repository.statistics()).total_orders == 8


async def test_tables_that_change_under_a_plan() -> None:
    """A statement with an invalid prepared plan is prepared again, also within a transaction."""
    target = await new_schema()
    await execute(target, "CREATE TABLE {schema}.notes (number integer); INSERT INTO {schema}.notes VALUES (1)")
    sessions = Sessions(replace(target, pool=2))

    async def read(session: Session) -> int:
        return int(await session.value("SELECT * FROM order_engine.notes"))

    try:
        await asyncio.gather(*(sessions.transact(read) for _ in range(4)))
        await execute(target, "ALTER TABLE {schema}.notes ALTER number TYPE bigint")
        assert await asyncio.gather(*(sessions.transact(read) for _ in range(4))) == [1] * 4
    finally:
        await sessions.close()


async def test_sessions_that_the_server_ends_when_they_are_idle() -> None:
    """With `idle_session_timeout` set on the database connections come and go, and no call fails."""
    async with _own_database() as (server, target):
        await execute(server, f"ALTER DATABASE {DATABASE} SET idle_session_timeout = '100ms'")
        async with open_target(target) as repository:
            for round_ in range(3):
                await _place(repository, *(f"order-{round_}-{number}" for number in range(POOL)))
                await asyncio.sleep(0.3)
            assert (await repository.statistics()).total_orders == 3 * POOL


REFUSE_COMMIT = """
CREATE TABLE {schema}.refusal (code text);
INSERT INTO {schema}.refusal VALUES ('');
CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wanted text;
BEGIN
    SELECT code INTO wanted FROM {schema}.refusal;
    IF wanted <> '' THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = wanted;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON {schema}.orders DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION {schema}.refuse();
"""

ONE_OF_EACH_CLASS = sorted({code[:2]: code for code in CODES}.values())
REFUSALS = sorted({*ONE_OF_EACH_CLASS, *EXCEPTIONS, *RACES, "25006", "53100", "57P01"})


@pytest.mark.parametrize("copies", [1, 2], ids=["statement", "COMMIT"])
async def test_commit_that_the_server_refuses(copies: int) -> None:
    """Whatever code a commit is refused with, nothing is stored, and the caller is told so, or that nobody knows.

    The calls after it are as good as ever.
    """
    target = await new_schema(pool=2)
    await execute(target, REFUSE_COMMIT)
    told: dict[str, BaseException] = {}
    changing = await asyncpg.connect(target.url)
    try:
        async with open_target(target) as repository:
            for code in REFUSALS:
                await changing.execute(f"UPDATE {target.schema}.refusal SET code = '{code}'")  # noqa: S608 - our own
                with pytest.raises((Unavailable, OutcomeUnknown, asyncpg.PostgresError)) as caught:
                    await repository.add([placement(f"refused-{code}")] * copies)
                told[code] = caught.value
                assert await repository.get([f"refused-{code}"]) == {}
            await changing.execute(f"UPDATE {target.schema}.refusal SET code = ''")  # noqa: S608 - our own
            await _place(repository, *(f"after-{number}" for number in range(10)))
            assert (await repository.statistics()).total_orders == 10
    finally:
        await changing.close()
    unknown = {code for code, error in told.items() if isinstance(error, OutcomeUnknown)}
    assert unknown == {code for code in REFUSALS if EXCEPTIONS.get(code, code[:2] in DOUBTFUL_CLASSES)}
    assert all(isinstance(told[code], Unavailable) for code in RACES)
