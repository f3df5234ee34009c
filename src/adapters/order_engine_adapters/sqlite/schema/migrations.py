"""Migrations: numbered schema changes, each applied once in a transaction and recorded with its checksum."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Final

from order_engine.domain.errors import Unavailable

APPLICATION_ID: Final = 0x4F454E47
"""Marks files of order_engine in the SQLite header, as "OENG", for `file` and other tools."""

PACKAGE: Final = "order_engine_adapters.sqlite.schema"
FILE_NAME: Final = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True, slots=True)
class SqliteMigration:
    """One schema change."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Return the statements one by one: `executescript` would commit the transaction first."""
        statement = ""
        for line in self.sql.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                yield statement
                statement = ""


def shipped() -> Sequence[SqliteMigration]:
    """Return the migrations of this version, by number."""
    # Read as text, so that line endings changed by a checkout do not change the checksum.
    found = [
        SqliteMigration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in (files(PACKAGE) / "sql").iterdir()
        if (match := FILE_NAME.fullmatch(file.name))
    ]
    return sorted(found, key=lambda migration: migration.number)


def migrate(
    connection: sqlite3.Connection, path: Path, applied_at: int, known: Sequence[SqliteMigration]
) -> Sequence[SqliteMigration]:
    """Apply the pending migrations, each in its own transaction, and return them.

    `applied_at` is in microseconds since 1970. Raises as `pending` does.
    """
    missing = pending(connection, path, known)
    for migration in missing:
        _apply(connection, migration, applied_at)
    return missing


def pending(connection: sqlite3.Connection, path: Path, known: Sequence[SqliteMigration]) -> Sequence[SqliteMigration]:
    """Return the pending migrations.

    Raises Unavailable for a database of a newer version, or whose recorded migrations differ from the known ones.
    """
    applied = _applied(connection)
    _refuse_other_history(applied, path, known)
    return known[len(applied) :]


def refuse_pending(connection: sqlite3.Connection, path: Path, known: Sequence[SqliteMigration]) -> None:
    """Raise Unavailable for a database with pending migrations. Raises as `pending` does, too."""
    missing = pending(connection, path, known)
    if missing and missing[0].number == 1:
        message = f"The database {path} is empty. Use another one, or run `order-engine migrate` to create its schema."
        raise Unavailable(message)
    if missing:
        names = ", ".join(f"{each.number:04} {each.name}" for each in missing)
        message = (
            f"The schema of the database {path} is older than this version and lacks {names}. "
            "Run `order-engine migrate` first."
        )
        raise Unavailable(message)


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Unavailable for a database of other software. An empty file is allowed."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    is_new = application_id == 0 and tables == 0
    if application_id != APPLICATION_ID and not is_new:
        message = f"The database {path} belongs to other software. Use a separate file for order_engine."
        raise Unavailable(message)


def _applied(connection: sqlite3.Connection) -> Sequence[tuple[int, str]]:
    """Return number and checksum of every applied migration, by number."""
    (exists,) = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'").fetchone()
    return connection.execute("SELECT number, checksum FROM migrations ORDER BY number").fetchall() if exists else []


def _refuse_other_history(applied: Sequence[tuple[int, str]], path: Path, known: Sequence[SqliteMigration]) -> None:
    if applied and applied[-1][0] > len(known):
        message = f"The database {path} was written by a newer version. Upgrade order_engine to open it."
        raise Unavailable(message)
    for expected, (number, checksum) in zip(count(1), applied):
        if number != expected or checksum != known[number - 1].checksum:
            message = (
                f"The schema of the database {path} does not match this version: its migration {number} differs. "
                "Use the version of order_engine that created it, or restore a backup."
            )
            raise Unavailable(message)


def _apply(connection: sqlite3.Connection, migration: SqliteMigration, applied_at: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if migration.number == 1:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(
                "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, "
                "applied_at INTEGER NOT NULL) STRICT"
            )
        for statement in migration.statements():
            connection.execute(statement)
        record = (migration.number, migration.name, migration.checksum, applied_at)
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?, ?)", record)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
