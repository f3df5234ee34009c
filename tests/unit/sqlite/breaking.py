"""The kit's fault hooks for SQLite: a connection that fails where the commit is, as disks do."""

from __future__ import annotations

import sqlite3
from enum import Enum, auto
from typing import Final

from order_engine.contracts import FaultHooks
from order_engine_adapters.sqlite import SqliteRepository

WRITING: Final = ("INSERT", "UPDATE", "DELETE")


class Where(Enum):
    """Where the next transaction breaks."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()
    READING = auto()


class BreakingConnection:
    """A connection that fails once, at what commits a transaction or at what reads, and passes everything else on."""

    def __init__(self, connection: sqlite3.Connection, where: Where) -> None:
        """Fail at the next commit or reading."""
        self._connection = connection
        self._where: Where | None = where

    def __getattr__(self, name: str) -> object:
        """Pass everything on."""
        return getattr(self._connection, name)

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        """Execute, or fail."""
        if not self._breaks_at(sql):
            return self._connection.execute(sql, parameters)  # type: ignore[arg-type]
        where, self._where = self._where, None
        if where is Where.AFTER_COMMIT:
            self._connection.execute(sql, parameters)  # type: ignore[arg-type]
            raise _error(sqlite3.SQLITE_IOERR_FSYNC)
        raise _error(sqlite3.SQLITE_FULL if where is Where.BEFORE_COMMIT else sqlite3.SQLITE_IOERR_READ)

    def _breaks_at(self, sql: str) -> bool:
        if self._where is None:
            return False
        if self._where is Where.READING:
            return sql.lstrip().startswith(("SELECT", "WITH"))
        return sql == "COMMIT" or (sql.startswith(WRITING) and not self._connection.in_transaction)


def hooks(repository: SqliteRepository) -> FaultHooks:
    """Return what can be injected into the database of `repository`."""
    thread, database = repository._thread, repository._store.database  # noqa: SLF001 - as disks do, from below

    async def break_next(where: Where) -> None:
        def exchange() -> None:
            breaking = BreakingConnection(database._connected(), where)  # noqa: SLF001
            database._connection = breaking  # type: ignore[assignment]  # noqa: SLF001

        await thread.call(exchange)

    async def allow_writing(allowed: bool) -> None:  # noqa: FBT001 - the hook's one parameter
        await thread.call(lambda: database._connected().execute(f"PRAGMA query_only = {int(not allowed)}"))  # noqa: SLF001

    return FaultHooks(
        break_before_commit=lambda: break_next(Where.BEFORE_COMMIT),
        break_after_commit=lambda: break_next(Where.AFTER_COMMIT),
        break_reading=lambda: break_next(Where.READING),
        allow_writing=allow_writing,
    )


def _error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("made up by the test")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_MADE_UP"
    return error
