"""What a database has to be like: whatever waiting does not change is refused at the start, with what to do."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine.domain.order import Status
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.migrations import migrate, migrate_target, shipped
from order_engine_adapters.postgres.schema.privileges import TO_WORK
from tests.integration.postgres.bells import opened, told_unavailable
from tests.integration.postgres.support import complete, execute, new_schema, server_url
from tests.integration.service import expect_one_line, run_command

TEXT = "заказ-Ω-日本-é"


@asynccontextmanager
async def _database(options: str = "") -> AsyncIterator[str]:
    """Make a database of one's own, and give its URL."""
    server, name = parse(server_url()), f"shop_{uuid.uuid4().hex[:12]}"
    await execute(server, f"CREATE DATABASE {name} TEMPLATE template0 {options}")
    try:
        yield server_url().rpartition("/")[0] + f"/{name}"
    finally:
        await execute(server, f"DROP DATABASE {name} (FORCE)")


@asynccontextmanager
async def _user(target: Target) -> AsyncIterator[tuple[str, Target]]:
    """Make a user without any rights, and give its name and the target with it."""
    name = f"user_{uuid.uuid4().hex[:12]}"
    await execute(target, f"CREATE ROLE {name} LOGIN")
    try:
        yield name, replace(target, url=target.url.replace("//postgres@", f"//{name}@"))
    finally:
        await execute(target, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def _refused(target: Target) -> str:
    with pytest.raises(InvalidSetting) as caught:
        async with open_target(target):
            pass
    return str(caught.value)


async def _work(repository: PostgresRepository) -> None:
    """Do all that a repository does."""
    name = uuid.uuid4().hex
    await repository.add([placement(f"{name}-{number}", idempotency_key=f"{name}-{number}") for number in range(3)])
    await repository.add([placement(name)] * 2, terms(name, limit=1))
    held = (await repository.claim(terms(f"claim-{name}", limit=3))).orders
    await repository.renew([], 10)
    await repository.apply(
        [complete(held[0]), Command(held[1].order_id, Action.FAIL, token=held[1].token, reason="no")]
    )
    await repository.apply([Command(held[1].order_id, Action.REDRIVE), Command(held[2].order_id, Action.CANCEL)])
    await repository.apply([])
    assert len((await repository.events(None, 100)).events) > 8
    assert await repository.history(held[0].order_id, 0, 10)
    assert (await repository.statistics()).status_counts[Status.COMPLETED] > 0


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
async def test_encoding(encoding: str, tmp_path: Path) -> None:
    """A database that is not UTF8 is refused by everything that connects, before anything is made in it."""
    async with _database(f"ENCODING '{encoding}' LOCALE 'C'") as url:
        for opening in (open_repository(url, clock=SystemClock()), open_target(parse(url))):
            with pytest.raises((InvalidSetting, Unavailable), match=f"encoding {encoding}. order_engine requires UTF8"):
                await opening.__aenter__()
        with pytest.raises(InvalidSetting, match="TEMPLATE template0"):
            await migrate(url)
        async with opened(url) as queue:
            assert encoding in await told_unavailable(queue)
        if encoding == "LATIN1":
            done = run_command(tmp_path, "worker", "--database-url", url, "--processor", "demo:0")
            assert done.returncode == 2
            expect_one_line(done.stderr, encoding, "UTF8")


async def test_encoding_of_the_client() -> None:
    """The client encoding of roles and databases has no effect: texts are unchanged."""
    target = await new_schema()
    async with _user(target) as (name, plain):
        await execute(target, f"ALTER ROLE {name} SET client_encoding = 'SQL_ASCII'; ALTER ROLE {name} SUPERUSER")
        async with open_target(plain) as repository:
            await repository.add([placement(TEXT, user_id=TEXT)])
            assert (await repository.get([TEXT]))[TEXT].user_id == TEXT
        async with open_target(target) as repository:
            assert (await repository.get([TEXT]))[TEXT].user_id == TEXT


async def test_triggers_that_do_not_fire() -> None:
    """With `session_replication_role` off its default nothing starts; set later it is Unavailable, and then heals."""
    async with _database() as url:
        target, name = parse(url), url.rpartition("/")[2]
        async with open_repository(url, clock=SystemClock()) as repository:
            await repository.add([placement("order-1")])
            await execute(target, f"ALTER DATABASE {name} SET session_replication_role = replica")
            with pytest.raises(InvalidSetting, match="session_replication_role is replica"):
                await open_repository(url, clock=SystemClock()).__aenter__()
            ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            await execute(target, f"{ended} AND datname = '{name}'")
            with pytest.raises(Unavailable, match="session_replication_role"):
                await repository.get(["order-1"])
            await execute(target, f"ALTER DATABASE {name} RESET session_replication_role")
            await repository.add([placement("order-2")])
            assert (await repository.statistics()).total_orders == 2
        await execute(target, "ALTER TABLE {schema}.orders DISABLE TRIGGER orders_counted_when_changed")
        told = await _refused(target)
        assert "orders_counted_when_changed" in told
        assert "ENABLE TRIGGER" in told


async def test_every_right_is_needed_and_named() -> None:
    """With the rights that are looked for everything works, and each that is lacking is named at the start."""
    target = await new_schema()
    async with _user(target) as (name, plain):
        schema = target.schema
        needed = [f"{right} ON TABLE {schema}.{table}" for table, all_ in TO_WORK.items() for right in all_.split(", ")]
        needed += [f"USAGE ON SCHEMA {schema}", f"USAGE ON SEQUENCE {schema}.serials"]
        told = await _refused(plain)
        assert set(re.findall(r"\w+ ON \w+ \w[\w.]*\w", told)) == set(needed)
        await execute(target, "".join(f"GRANT {right} TO {name}; " for right in needed))
        async with open_target(plain) as repository:
            await _work(repository)
        for right in needed:
            await execute(target, f"REVOKE {right} FROM {name}")
            assert right in await _refused(plain)
            await execute(target, f"GRANT {right} TO {name}")
        await execute(target, "REVOKE EXECUTE ON FUNCTION {schema}.claim_is_new FROM public")
        assert f"EXECUTE ON FUNCTION {schema}.claim_is_new" in await _refused(plain)


async def test_rights_to_make_the_schema() -> None:
    """Without privileges to create, change or read the schema, the error names the missing one."""
    target = await new_schema()
    async with _user(target) as (name, plain):
        for schema, right in (("of_nobody", "CREATE ON DATABASE postgres"), (target.schema, "USAGE ON SCHEMA")):
            with pytest.raises(InvalidSetting, match=f"GRANT .*{right}"):
                await migrate_target(replace(plain, schema=schema), shipped())
        await execute(target, f"CREATE SCHEMA empty_{name}; GRANT USAGE ON SCHEMA empty_{name} TO {name}")
        with pytest.raises(InvalidSetting, match=f"GRANT CREATE ON SCHEMA empty_{name}"):
            await migrate_target(replace(plain, schema=f"empty_{name}"), shipped())


async def test_rows_that_are_hidden() -> None:
    """Row security that counts for the user is refused: orders that it hides would be placed again, or never worked."""
    target = await new_schema()
    async with _user(target) as (name, plain):
        await execute(
            target, f"GRANT ALL ON SCHEMA {{schema}} TO {name}; ALTER TABLE {{schema}}.orders OWNER TO postgres"
        )
        await execute(target, f"GRANT ALL ON ALL TABLES IN SCHEMA {{schema}} TO {name}")
        await execute(target, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {{schema}} TO {name}")
        await execute(target, "ALTER TABLE {schema}.orders ENABLE ROW LEVEL SECURITY")
        assert "Row-level security" in await _refused(plain)
        await execute(target, f"ALTER ROLE {name} BYPASSRLS")
        async with open_target(plain) as repository:
            await _work(repository)


async def test_user_that_is_read_only() -> None:
    """A role or URL that is read-only can never place an order: both are refused."""
    target = await new_schema()
    by_url = replace(target, url=f"{target.url}&options=-c%20default_transaction_read_only%3Don")
    assert "read-only" in await _refused(by_url)
    async with _user(target) as (name, plain):
        await execute(target, f"ALTER ROLE {name} SUPERUSER; ALTER ROLE {name} SET default_transaction_read_only = on")
        assert "ALTER ROLE" in await _refused(plain)


async def test_database_that_is_read_only_for_now() -> None:
    """A database that is read-only as a whole may be so for a moment: it is read, and written when it may be."""
    async with _database() as url:
        target, name = parse(url), url.rpartition("/")[2]
        await migrate_target(target, shipped())
        server = parse(server_url())
        await execute(server, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        async with open_repository(url, clock=SystemClock()) as repository:
            assert (await repository.statistics()).total_orders == 0
            with pytest.raises(Unavailable, match="is read-only"):
                await repository.apply([])
            await execute(server, f"ALTER DATABASE {name} RESET default_transaction_read_only")
            await repository.add([placement("order-1")])


async def test_language_that_is_not_there() -> None:
    """Without plpgsql the schema cannot be created, and the message has the remedy."""
    async with _database() as url:
        await execute(parse(url), "DROP EXTENSION plpgsql")
        with pytest.raises(InvalidSetting, match="CREATE EXTENSION plpgsql"):
            await migrate(url)
