"""Numbered migrations: applied once, whole, by however many processes, and never others than those recorded."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import migrate, open_repository, pending_migrations
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.schema import migrations
from order_engine_adapters.postgres.schema.migrations import PostgresMigration, migrate_target, shipped
from tests.integration.postgres.support import execute, new_schema, server_url

NEXT = PostgresMigration(
    len(shipped()) + 1,
    "notes",
    "CREATE TABLE order_engine.notes (id integer);\nINSERT INTO order_engine.notes VALUES (1);\n",
)
FAILS = "SELECT 1 / 0;"
PROGRAM = """
import asyncio, sys
from order_engine_adapters.postgres import migrate
print(len(asyncio.run(migrate(sys.argv[1]))))
"""


def _url(schema: str) -> str:
    return f"{server_url()}?schema={schema}"


async def test_processes_that_start_together() -> None:
    """Any number of processes may migrate an empty database at once, its schema included; all succeed."""
    url = _url("started_together")
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, url, stdout=asyncio.subprocess.PIPE)
        for _ in range(3)
    ]
    outputs = [(await each.communicate())[0] for each in running]
    assert [each.returncode for each in running] == [0, 0, 0], outputs
    assert await pending_migrations(url) == []
    recorded = await execute(parse(url), "SELECT number, name, checksum FROM {schema}.migrations ORDER BY number")
    assert [tuple(row) for row in recorded] == [(each.number, each.name, each.checksum) for each in shipped()]
    assert [each.number for each in shipped()] == list(range(1, len(shipped()) + 1))


async def test_connections_that_migrate_together() -> None:
    """The same from many connections at once, where the race is closest."""
    target = parse(_url("raced"))
    await asyncio.gather(*(migrate_target(target, [*shipped(), NEXT]) for _ in range(10)))
    assert [row[0] for row in await execute(target, "SELECT id FROM {schema}.notes")] == [1]


async def test_dry_run_changes_nothing() -> None:
    """What is pending can be asked for without making anything, not even the schema."""
    url = _url("only_asked")
    assert await pending_migrations(url) == shipped()
    assert await migrate(url, dry_run=True) == shipped()
    with pytest.raises(asyncpg.UndefinedTableError):
        await execute(parse(url), "SELECT FROM {schema}.migrations")
    assert await migrate(url) == shipped()
    assert await migrate(url) == []


async def test_further_migration_keeps_what_is_there() -> None:
    """A database of an older version is brought up to date with its orders in place, once."""
    target = await _database()
    for _ in range(2):
        await migrate_target(target, [*shipped(), NEXT])
    assert [row[0] for row in await execute(target, "SELECT order_id FROM {schema}.contents")] == ["order-1"]
    assert [row[0] for row in await execute(target, "SELECT id FROM {schema}.notes")] == [1]


async def test_failed_migration_leaves_nothing() -> None:
    """A migration that fails half way leaves no trace, and is applied whole the next time."""
    target = await _database()
    broken = replace(NEXT, sql=NEXT.sql + FAILS)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate_target(target, [*shipped(), broken])
    assert await migrate_target(target, [*shipped(), NEXT], dry_run=True) == [NEXT]
    assert await migrate_target(target, [*shipped(), NEXT]) == [NEXT]


async def test_changed_migration_is_refused() -> None:
    """A recorded checksum that differs from the shipped file is an error that names the migration."""
    target = await _database()
    await execute(target, "UPDATE {schema}.migrations SET checksum = 'other' WHERE number = 1")
    await _refused(target, "migration 1 differs")


async def test_newer_database_is_refused() -> None:
    """A schema migrated by a newer version is refused, with the advice to upgrade."""
    target = await _database()
    await migrate_target(target, [*shipped(), NEXT])
    await _refused(target, "newer version. Upgrade order_engine")


async def test_schemas_are_apart() -> None:
    """Two schemas of one database are two repositories."""
    first, second = await _database(), await new_schema()
    async with open_target(first) as with_orders, open_target(second) as without:
        assert (await with_orders.statistics()).total_orders == 1
        assert (await without.statistics()).total_orders == 0
        assert await without.get(["order-1"]) == {}


def test_checksum_does_not_depend_on_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout with the line ends of Windows has the same checksums."""
    folder = tmp_path / "sql"
    folder.mkdir()
    for each in shipped():
        (folder / f"{each.number:04}_{each.name}.sql").write_bytes(each.sql.replace("\n", "\r\n").encode())
    expected = shipped()
    monkeypatch.setattr(migrations, "files", lambda _: tmp_path)
    assert shipped() == expected


async def _database() -> Target:
    target = await new_schema()
    async with open_target(target) as repository:
        await repository.add([placement("order-1")])
    return target


async def _refused(target: Target, why: str) -> None:
    with pytest.raises(Unavailable, match=why):
        async with open_repository(_url(target.schema), clock=SystemClock()):
            pass
