"""Schema changes by commands: reading commands change nothing, and `migrate` reports what it does."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from order_engine_adapters.sqlite.connection.lock_file import FileLock
from order_engine_adapters.sqlite.schema.migrations import migrate, shipped
from tests.unit.cli.shop import DATABASE, one_line, order, run, write_orders

ASK = ("--database-url", DATABASE)
READING = (("orders", "list"), ("orders", "show", "order1"), ("metrics",))
WRITING = (("orders", "cancel", "order1"), ("orders", "redrive", "order1"), ("metrics", "rebuild"))
LAST = f"{shipped()[-1].number:04} {shipped()[-1].name}"


def old_database(path: Path) -> None:
    """Make a database of the first version."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, path, 0, shipped()[:1])


def filled_database(folder: Path, orders: int = 1) -> None:
    """Make a database with orders."""
    path = write_orders(folder / "orders.jsonl", [order(number + 1) for number in range(orders)])
    assert run("import", str(path), *ASK).exit_code == 0
    path.unlink()


def contents(folder: Path) -> Mapping[str, bytes]:
    """Return every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Check that no file of the folder is made or changed."""
    before = contents(folder)
    yield
    assert contents(folder) == before


@pytest.mark.parametrize("command", [*READING, *WRITING, ("import", "orders.jsonl")], ids=" ".join)
def test_an_older_schema_is_left_as_it_is(folder: Path, command: tuple[str, ...]) -> None:
    """Reading and operating commands report the remedy, and the old version can still use the file."""
    old_database(folder / "orders.db")
    write_orders(folder / "orders.jsonl", [order(1)])
    before = (folder / "orders.db").read_bytes()
    result = run(*command, *ASK)
    assert result.exit_code == 1
    assert LAST in one_line(result)
    assert "order-engine migrate" in one_line(result)
    assert (folder / "orders.db").read_bytes() == before


@pytest.mark.parametrize("command", [*READING, *WRITING], ids=" ".join)
@pytest.mark.parametrize("content", [None, b""], ids=["no file", "an empty file"])
def test_nothing_is_made_of_nothing(folder: Path, command: tuple[str, ...], content: bytes | None) -> None:
    """Where there is no database, no command that reads or operates makes one."""
    if content is not None:
        (folder / "orders.db").write_bytes(content)
    result = run(*command, *ASK)
    assert result.exit_code == 1
    assert "orders.db" in one_line(result)
    assert (folder / "orders.db").exists() == (content is not None)
    assert content is None or (folder / "orders.db").read_bytes() == content


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_changes_no_file(folder: Path, command: tuple[str, ...]) -> None:
    """Neither the database nor its log, index and lock; none is made where there was none."""
    filled_database(folder)
    for name in ("orders.db-wal", "orders.db-shm", "orders.db.lock"):
        (folder / name).unlink(missing_ok=True)
    with unchanged(folder):
        result = run(*command, *ASK)
        assert result.exit_code == 0, result.stderr


def test_what_a_crash_has_left_in_the_log_is_read(folder: Path) -> None:
    """Without being copied into the file: that is for the service that starts next."""
    filled_database(folder)
    live = folder / "live"
    live.mkdir()
    with closing(sqlite3.connect(folder / "orders.db", isolation_level=None)) as connection:
        connection.execute("UPDATE statistics SET total_orders = 77")
        for path in folder.glob("orders.db*"):
            shutil.copy(path, live)
    log, database = (live / "orders.db-wal").read_bytes(), (live / "orders.db").read_bytes()
    assert log
    result = run("metrics", "--json", "--database-url", f"sqlite:///{live}/orders.db")
    assert json.loads(result.stdout)["total_orders"] == 77
    assert (live / "orders.db-wal").read_bytes() == log
    assert (live / "orders.db").read_bytes() == database


def test_a_service_waits_for_those_who_read(folder: Path) -> None:
    """Any number of processes can read at once, and a service does not fail because of them."""
    filled_database(folder)
    first, second, writer = (FileLock(folder / "orders.db") for _ in range(3))
    first.share()
    second.share()
    second.release()
    assert run("metrics", *ASK).exit_code == 0
    assert run("orders", "redrive", "order1", *ASK).exit_code == 1
    first.release()
    writer.acquire()
    writer.release()


def test_migrate_says_what_is_so_of_a_file(folder: Path) -> None:
    """It creates a file, migrates an old one, and reports `up to date` only if that is true."""
    names = [f"{each.number:04} {each.name}" for each in shipped()]
    with unchanged(folder):
        assert run("migrate", "--dry-run", *ASK).stdout.splitlines() == [f"would apply {name}" for name in names]
    old_database(folder / "orders.db")
    before = (folder / "orders.db").read_bytes()
    assert run("migrate", "--dry-run", *ASK).stdout.splitlines() == [f"would apply {name}" for name in names[1:]]
    assert (folder / "orders.db").read_bytes() == before
    assert run("migrate", *ASK).stdout.splitlines() == [f"applied {name}" for name in names[1:]]
    assert run("migrate", *ASK).stdout == "up to date\n"
    assert run("migrate", "--dry-run", *ASK).stdout == "up to date\n"
    (folder / "orders.db").unlink()
    assert run("migrate", *ASK).stdout.splitlines() == [f"applied {name}" for name in names]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("url", "exit_code", "part"),
    [
        ("mysql://user:secret@host/orders", 2, "mysql"),
        ("sqlite:///missing/orders.db", 1, "missing"),
        ("sqlite:///text.db", 1, "text.db"),
        ("sqlite:///", 2, "has no file"),
        ("orders.db", 2, "no scheme"),
    ],
)
def test_migrate_says_what_it_cannot_migrate(
    folder: Path, url: str, exit_code: int, part: str, more: tuple[str, ...]
) -> None:
    """An unknown scheme, a missing folder, a foreign file: one line, and no file is created."""
    (folder / "text.db").write_text("this is no database, whatever its name says\n" * 100, encoding="utf-8")
    result = run("migrate", *more, "--database-url", url)
    assert result.exit_code == exit_code
    assert part in one_line(result)
    assert "secret" not in result.output
    assert not (folder / "missing").exists()


def test_migrate_finds_nothing_to_do_in_memory() -> None:
    """It reports the reason."""
    result = run("migrate", "--database-url", "memory://")
    assert (result.exit_code, result.stdout) == (
        0,
        "memory:// has no schema: nothing to migrate\n",
    )
