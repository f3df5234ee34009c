"""Numbered migrations: applied once, whole, and never others than those that were recorded."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite.driver import open_file
from order_engine_adapters.sqlite.rows import microseconds
from order_engine_adapters.sqlite.schema import migrations
from order_engine_adapters.sqlite.schema.migrations import SqliteMigration, migrate, shipped

NEXT = SqliteMigration(len(shipped()) + 1, "notes", "CREATE TABLE notes (id);\nINSERT INTO notes VALUES (1);\n")
FAILS = "INSERT INTO nowhere VALUES (1);\n"


async def test_migrations_are_recorded(tmp_path: Path) -> None:
    """A new database has recorded every shipped migration, with its checksum and the clock's time."""
    path = tmp_path / "orders.db"
    clock = ManualClock()
    async with open_file(path, clock=clock):
        pass
    recorded = _rows(path, "SELECT number, name, checksum, applied_at FROM migrations")
    at = microseconds(clock.now())
    assert recorded == [(each.number, each.name, each.checksum, at) for each in shipped()]
    assert [each.number for each in shipped()] == list(range(1, len(shipped()) + 1))


async def test_further_migration_keeps_what_is_there(tmp_path: Path) -> None:
    """A database of an older version is brought up to date with its orders in place, once."""
    path = await _database(tmp_path)
    for _ in range(2):
        with closing(_connection(path)) as connection:
            migrate(connection, path, 0, [*shipped(), NEXT])
    assert _rows(path, "SELECT order_id FROM orders") == [("order-1",)]
    assert _rows(path, "SELECT id FROM notes") == [(1,)]


async def test_interrupted_migration_leaves_nothing(tmp_path: Path) -> None:
    """A migration that fails half way leaves no trace, and is applied whole the next time."""
    path = await _database(tmp_path)
    broken = replace(NEXT, sql=NEXT.sql + FAILS)
    with closing(_connection(path)) as connection, pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, 0, [*shipped(), broken])
    assert _rows(path, "SELECT name FROM sqlite_schema WHERE name = 'notes'") == []
    with closing(_connection(path)) as connection:
        migrate(connection, path, 0, [*shipped(), NEXT])
    assert _rows(path, "SELECT id FROM notes") == [(1,)]


async def test_first_migration_that_fails_leaves_an_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted creation leaves an empty file, which the next opening completes."""
    path = tmp_path / "orders.db"
    first = shipped()[0]
    with monkeypatch.context() as patch:
        broken = [replace(first, sql=first.sql + FAILS)]
        patch.setattr("order_engine_adapters.sqlite.connection.connection.shipped", lambda: broken)
        with pytest.raises(sqlite3.OperationalError):
            async with open_file(path, clock=ManualClock()):
                pass
    assert _rows(path, "SELECT count(*) FROM sqlite_schema") == [(0,)]
    async with open_file(path, clock=ManualClock()) as repository:
        assert (await repository.statistics()).total_orders == 0


async def test_changed_migration_is_refused(tmp_path: Path) -> None:
    """A recorded checksum that differs from the shipped file is an error that names the migration."""
    path = await _database(tmp_path)
    with closing(_connection(path)) as connection:
        connection.execute("UPDATE migrations SET checksum = 'other' WHERE number = 1")
    await _refused(path, "migration 1 differs")


async def test_newer_database_is_refused(tmp_path: Path) -> None:
    """A database migrated by a newer version is refused, with the advice to upgrade."""
    path = await _database(tmp_path)
    with closing(_connection(path)) as connection:
        migrate(connection, path, 0, [*shipped(), NEXT])
    await _refused(path, "newer version. Upgrade order_engine")


async def test_gap_in_the_record_is_refused(tmp_path: Path) -> None:
    """A record that does not begin at 1 is refused."""
    path = await _database(tmp_path)
    with closing(_connection(path)) as connection:
        connection.execute("UPDATE migrations SET number = 0 WHERE number = 1")
    await _refused(path, "differs")


def test_checksum_does_not_depend_on_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout with the line ends of Windows has the same checksums."""
    folder = tmp_path / "sql"
    folder.mkdir()
    for each in shipped():
        content = each.sql.replace("\n", "\r\n").encode()
        (folder / f"{each.number:04}_{each.name}.sql").write_bytes(content)
    expected = shipped()
    monkeypatch.setattr(migrations, "files", lambda _: tmp_path)
    assert shipped() == expected


async def _database(folder: Path) -> Path:
    path = folder / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        await repository.add([placement("order-1")])
    return path


def _connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(_connection(path)) as connection:
        return connection.execute(sql).fetchall()


async def _refused(path: Path, why: str) -> None:
    with pytest.raises(Unavailable, match=why):
        async with open_file(path, clock=ManualClock()):
            pass
