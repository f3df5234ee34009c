"""A reopened connection works like the first one, and errors of any kind are handled."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from order_engine.contracts.fault_hooks import carry_out, needed
from order_engine.contracts.samples import placement
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import SqliteRepository
from order_engine_adapters.sqlite.connection import connection as connection_module
from order_engine_adapters.sqlite.connection.bulk_statements import Statement
from order_engine_adapters.sqlite.connection.connection import Database
from order_engine_adapters.sqlite.driver import open_file
from tests.unit.sqlite.breaking import hooks
from tests.unit.sqlite.support import beside, snapshot


async def test_the_write_ahead_log_is_on_after_a_reconnect(tmp_path: Path) -> None:
    """Even if another program switched it off meanwhile, so that readers do not block writers."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        await _lose_connection(repository)
        other = sqlite3.connect(path)
        assert other.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        other.close()
        await repository.add([placement("order-1")])
        assert await _ask(repository, "PRAGMA journal_mode") == "wal"


async def test_a_file_that_was_replaced_is_refused_at_a_reconnect(tmp_path: Path) -> None:
    """What would be written to another file would be lost: the calls are Unavailable until the file is back."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        await _lose_connection(repository)
        path.rename(beside(path, ".away"))
        sqlite3.connect(path).close()
        for _ in range(2):
            with pytest.raises(Unavailable, match="deleted or replaced"):
                await repository.statistics()
        beside(path, ".away").replace(path)
        assert (await repository.statistics()).total_orders == 1


async def test_the_file_is_looked_at_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was there at the first look is missed at a later one."""
    monkeypatch.setattr(connection_module, "TRANSACTIONS_BETWEEN_LOOKS", 5)
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        await _place_one_by_one(repository, range(12))
        path.rename(beside(path, ".away"))
        with pytest.raises(Unavailable, match="deleted or replaced"):
            await _place_one_by_one(repository, range(12, 18))
        beside(path, ".away").replace(path)


@pytest.mark.parametrize("bad", [(1 << 70,), ("half a pair \ud800",), (object(),)], ids=["number", "text", "type"])
async def test_an_error_of_any_kind_leaves_no_transaction_open(tmp_path: Path, bad: tuple[object]) -> None:
    """What the driver refuses in the middle of a transaction undoes it, and the next call has one of its own."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        before = await snapshot(repository)
        statements: Sequence[Statement] = [
            ("UPDATE identity SET name = 'changed'", ()),
            ("UPDATE identity SET name = ?", bad),
        ]
        with pytest.raises((OverflowError, UnicodeEncodeError, sqlite3.Error)):
            await repository._thread.call(_database(repository).transact, statements)  # noqa: SLF001 - from below
        assert await _ask(repository, "SELECT name FROM identity") != "changed"
        assert await snapshot(repository) == before
        await repository.add([placement("order-1", idempotency_key="key-1")])
        assert (await repository.statistics()).total_orders == 1


async def _place_one_by_one(repository: SqliteRepository, numbers: range) -> None:
    for number in numbers:
        await repository.add([placement(f"order-{number}")])


async def _lose_connection(repository: SqliteRepository) -> None:
    """Store an order in such a way that the connection is closed afterwards."""
    await carry_out(needed(hooks(repository).break_after_commit, "break_after_commit")())
    with pytest.raises(OutcomeUnknown):
        await repository.add([placement("order-1")])


def _database(repository: SqliteRepository) -> Database:
    return repository._store.database  # noqa: SLF001 - the tests look at what nobody sees from outside


async def _ask(repository: SqliteRepository, sql: str) -> object:
    return await repository._thread.call(_database(repository).ask, sql)  # noqa: SLF001 - likewise
