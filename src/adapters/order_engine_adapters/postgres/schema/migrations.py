"""Migrations: numbered schema changes, each applied once in a transaction and recorded with its checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from typing import Final

import asyncpg

from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST, as_unavailable
from order_engine_adapters.postgres.connection.preconditions import refuse_server
from order_engine_adapters.postgres.connection.target import CLOSE_SECONDS, Connection, Target, connect, parse, within
from order_engine_adapters.postgres.schema.privileges import lacking_to_migrate, lacking_to_work

PACKAGE: Final = "order_engine_adapters.postgres.schema"
FILE_NAME: Final = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")

MIGRATION_SECONDS: Final = 3_600.0
"""Time limit of one migration, including the wait for other migrating processes."""

SCHEMA_EXISTS: Final = "SELECT to_regnamespace($1) IS NOT NULL"
RECORD_EXISTS: Final = "SELECT to_regclass($1) IS NOT NULL"
MAKE_RECORD: Final = """
CREATE TABLE order_engine.migrations (
    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL
)"""
APPLIED: Final = "SELECT number, checksum FROM order_engine.migrations ORDER BY number"
RECORD: Final = "INSERT INTO order_engine.migrations VALUES ($1, $2, $3, clock_timestamp())"
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('order_engine migrations of ' || $1, 0))"


@dataclass(frozen=True, slots=True)
class PostgresMigration:
    """One schema change."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> Sequence[PostgresMigration]:
    """Return the migrations of this version, by number."""
    # Read as text, so that line endings changed by a checkout do not change the checksum.
    found = [
        PostgresMigration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in (files(PACKAGE) / "sql").iterdir()
        if (match := FILE_NAME.fullmatch(file.name))
    ]
    return sorted(found, key=lambda migration: migration.number)


async def pending_migrations(url: str) -> Sequence[PostgresMigration]:
    """Return the migrations that the database lacks, without writing.

    Raises InvalidSetting; Unavailable if the database is unreachable or was written by another version.
    """
    return await migrate(url, dry_run=True)


async def migrate(url: str, *, dry_run: bool = False) -> Sequence[PostgresMigration]:
    """Apply pending migrations and return them; with `dry_run`, only return them.

    Raises as `pending_migrations` does.
    """
    return await migrate_target(parse(url), shipped(), dry_run=dry_run)


def refuse_pending(target: Target, missing: Sequence[PostgresMigration]) -> None:
    """Raise Unavailable for a missing schema or pending migrations."""
    where = f"The schema {target.schema} of the database at {target.place}"
    if any(each.number == 1 for each in missing):
        message = f"{where} does not exist. Use another database, or run `order-engine migrate` to create it."
        raise Unavailable(message, lasting=True)
    if missing:
        names = ", ".join(f"{each.number:04} {each.name}" for each in missing)
        message = f"{where} is older than this version and lacks {names}. Run `order-engine migrate` first."
        raise Unavailable(message, lasting=True)


async def migrate_target(
    target: Target, known: Sequence[PostgresMigration], *, dry_run: bool = False
) -> Sequence[PostgresMigration]:
    """Apply the given migrations as `migrate` does.

    Any number of processes may run this concurrently: each migration is a transaction that takes a lock and then checks
    again what is pending.
    """
    connection = await connect(target)
    try:
        await refuse_server(connection, target)
        pending = await _pending(connection, target, known)
        if not dry_run:
            for _ in pending:
                await _apply_next(connection, target, known)
        await connection.close(timeout=CLOSE_SECONDS)
    except asyncpg.InsufficientPrivilegeError as error:
        raise await _lacking(connection, target, error) from error
    except (asyncpg.PostgresError, *CONNECTION_LOST) as error:
        if (unavailable := as_unavailable(error, target.place)) is not None:
            raise unavailable from error
        raise
    finally:
        connection.terminate()
    return pending


async def _lacking(connection: Connection, target: Target, error: asyncpg.PostgresError) -> Exception:
    """Return the error for missing privileges, naming the privilege if known."""
    try:
        lacking = [await each(connection, target.schema) for each in (lacking_to_work, lacking_to_migrate)]
    except (asyncpg.PostgresError, *CONNECTION_LOST):
        lacking = []
    if not any(lacking):
        return as_unavailable(error, target.place) or error
    return InvalidSetting(
        f"The user lacks privileges in the PostgreSQL database at {target.place}. "
        f"Run GRANT {', '.join(filter(None, lacking))}."
    )


async def _pending(
    connection: Connection, target: Target, known: Sequence[PostgresMigration]
) -> Sequence[PostgresMigration]:
    """Return the pending migrations. Raises Unavailable for a database of a newer or different version."""
    recorded: bool = await connection.fetchval(RECORD_EXISTS, f'"{target.schema}".migrations')
    rows = await connection.fetch(within(APPLIED, target.schema)) if recorded else []
    applied = [(int(row["number"]), str(row["checksum"])) for row in rows]
    _refuse_other_history(applied, target, known)
    return known[len(applied) :]


def _refuse_other_history(
    applied: Sequence[tuple[int, str]], target: Target, known: Sequence[PostgresMigration]
) -> None:
    where = f"The schema {target.schema} of the database at {target.place}"
    if applied and applied[-1][0] > len(known):
        message = f"{where} was written by a newer version. Upgrade order_engine to open it."
        raise Unavailable(message, lasting=True)
    for expected, (number, checksum) in zip(count(1), applied, strict=False):
        if number != expected or checksum != known[number - 1].checksum:
            message = (
                f"{where} does not match this version: its migration {number} differs. "
                "Use the version of order_engine that created it, or restore a backup."
            )
            raise Unavailable(message, lasting=True)


async def _apply_next(connection: Connection, target: Target, known: Sequence[PostgresMigration]) -> None:
    """Apply the first migration that is still pending once the lock is taken, if any."""
    async with _locked(connection, target.schema):
        if not await connection.fetchval(SCHEMA_EXISTS, f'"{target.schema}"'):
            # Not IF NOT EXISTS, which requires the CREATE privilege even if the schema exists.
            await connection.execute(f'CREATE SCHEMA "{target.schema}"')
        pending = await _pending(connection, target, known)
        if not pending:
            return
        migration = pending[0]
        if migration.number == 1:
            await connection.execute(within(MAKE_RECORD, target.schema))
        await connection.execute(within(migration.sql, target.schema), timeout=MIGRATION_SECONDS)
        record = (migration.number, migration.name, migration.checksum)
        await connection.execute(within(RECORD, target.schema), *record)


@asynccontextmanager
async def _locked(connection: Connection, schema: str) -> AsyncIterator[None]:
    """Hold the schema's migration lock within a transaction, whose end releases it."""
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        await connection.fetchval(LOCK, schema, timeout=MIGRATION_SECONDS)
        yield
