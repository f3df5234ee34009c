"""What the tests of the PostgreSQL repository share."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg

from order_engine.contracts.fault_hooks import NO_FAULTS
from order_engine.contracts.samples import terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import Order
from order_engine_adapters.postgres.connection.target import Connection, Target, connect, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.migrations import migrate_target, shipped
from tests.postgres_server import postgres_url

MANUAL_TIME: Final = """
CREATE TABLE {schema}.manual_clock (now timestamptz NOT NULL);
INSERT INTO {schema}.manual_clock VALUES (timestamptz '2026-01-01 12:00:00.123456+00');
CREATE OR REPLACE FUNCTION {schema}.time_of_day() RETURNS timestamptz LANGUAGE sql VOLATILE
AS 'SELECT now FROM {schema}.manual_clock';
"""
"""What the server's clock says is what a table says."""
TURN: Final = "UPDATE {schema}.manual_clock SET now = now + $1::float8 * interval '1 second'"
EMPTY: Final = """
TRUNCATE {schema}.contents, {schema}.orders, {schema}.events, {schema}.idempotency_keys, {schema}.counters;
UPDATE {schema}.manual_clock SET now = '2026-01-01 12:00:00.123456+00';
UPDATE {schema}.identity SET time_ahead = 0, time_set_at = 'epoch'
"""

BACK_UP: Final = """
DROP SCHEMA IF EXISTS {schema}_backup CASCADE;
CREATE SCHEMA {schema}_backup;
CREATE TABLE {schema}_backup.contents AS TABLE {schema}.contents;
CREATE TABLE {schema}_backup.orders AS TABLE {schema}.orders;
CREATE TABLE {schema}_backup.events AS TABLE {schema}.events;
CREATE TABLE {schema}_backup.idempotency_keys AS TABLE {schema}.idempotency_keys;
CREATE TABLE {schema}_backup.counters AS TABLE {schema}.counters;
CREATE TABLE {schema}_backup.manual_clock AS TABLE {schema}.manual_clock;
"""
RESTORE: Final = """
SET LOCAL session_replication_role = replica;
TRUNCATE {schema}.contents, {schema}.orders, {schema}.events, {schema}.idempotency_keys, {schema}.counters,
    {schema}.manual_clock;
INSERT INTO {schema}.contents TABLE {schema}_backup.contents;
INSERT INTO {schema}.orders TABLE {schema}_backup.orders;
INSERT INTO {schema}.events OVERRIDING SYSTEM VALUE TABLE {schema}_backup.events;
INSERT INTO {schema}.idempotency_keys TABLE {schema}_backup.idempotency_keys;
INSERT INTO {schema}.counters OVERRIDING SYSTEM VALUE TABLE {schema}_backup.counters;
INSERT INTO {schema}.manual_clock TABLE {schema}_backup.manual_clock;
SELECT setval('{schema}.serials', (SELECT coalesce(max(serial), 0) + 1 FROM {schema}.contents), false),
    setval('{schema}.events_serial_seq', (SELECT coalesce(max(serial), 0) + 1 FROM {schema}.events), false),
    setval('{schema}.counters_slot_seq', (SELECT coalesce(max(slot), 0) + 1 FROM {schema}.counters), false)
"""
"""What `pg_restore --data-only` does to tables that were emptied: everything but transaction ids is as it was."""

_lifetimes = ExitStack()
_chosen: list[Path | None] = [None]


def choose(programs: Path | None) -> None:
    """Let `server_url` start the server whose programs are in this folder; None: the newest."""
    _chosen[0] = programs


@cache
def server_url() -> str:
    """Return the URL of the chosen server, which is started when it is needed first."""
    return _lifetimes.enter_context(postgres_url(_chosen[0]))


def stop_server() -> None:
    """Stop the server if it was started."""
    _lifetimes.close()
    server_url.cache_clear()


async def new_schema(*, manual_time: bool = False, pool: int = 4) -> Target:
    """Make a schema of its own, up to date and empty; with `manual_time`, time stands still in it."""
    target = replace(parse(server_url()), schema=f"test_{uuid.uuid4().hex[:12]}", pool=pool)
    await migrate_target(target, shipped())
    if manual_time:
        await execute(target, MANUAL_TIME)
    return target


@asynccontextmanager
async def new_repository(pool: int = 4) -> AsyncIterator[PostgresRepository]:
    """Open a repository in a schema of its own."""
    async with open_target(await new_schema(pool=pool)) as repository:
        yield repository


class TurnedTime:
    """The time of a schema where it stands still, and a monotonic clock that shows the same."""

    def __init__(self, connection: Connection, schema: str) -> None:
        """Turn the time by way of `connection`."""
        self.connection = connection
        self.schema = schema
        self._seconds = 0.0

    async def turn(self, seconds: float) -> None:
        """Turn the time, forward or back."""
        await self.connection.execute(TURN.format(schema=self.schema), seconds)
        self._seconds += seconds

    async def set(self, seconds: float) -> None:
        """Set the server's clock forward or back, as an administrator does: no time passes."""
        await self.connection.execute(TURN.format(schema=self.schema), seconds)

    def seconds(self) -> float:
        """Return by how much it was turned."""
        return self._seconds


class PostgresHarness:
    """A repository in a schema where time stands still. It is not to see that time is turned: its own goes with it."""

    def __init__(self, repository: PostgresRepository, time: TurnedTime) -> None:
        """Turn `time`, by which the repository lives."""
        self.repository = repository
        self.faults = NO_FAULTS
        self.advance = time.turn
        self._connection = time.connection
        self._schema = time.schema

    async def back_up(self) -> None:
        """Copy all rows."""
        await self._connection.execute(BACK_UP.format(schema=self._schema))

    async def restore(self) -> None:
        """Put the copied rows in the place of those that are there."""
        await self._connection.execute(RESTORE.format(schema=self._schema))


@asynccontextmanager
async def harness(target: Target) -> AsyncIterator[PostgresHarness]:
    """Open a repository in a schema where time stands still, emptied before."""
    connection = await connect(target)
    try:
        await connection.execute(EMPTY.format(schema=target.schema))
        time = TurnedTime(connection, target.schema)
        async with open_target(target, seconds=time.seconds) as repository:
            yield PostgresHarness(repository, time)
    finally:
        await connection.close()


async def execute(target: Target, sql: str, *arguments: object) -> Sequence[asyncpg.Record]:
    """Execute statements on a connection of their own, `{schema}` being the target's."""
    connection = await connect(target)
    try:
        if arguments or sql.lstrip().upper().startswith("SELECT"):
            return await connection.fetch(sql.format(schema=target.schema), *arguments)
        await connection.execute(sql.format(schema=target.schema))
        return []
    finally:
        await connection.close()


async def take(repository: PostgresRepository, *order_ids: str, claim_id: str) -> Sequence[Order]:
    """Claim orders by their ids."""
    return (await repository.claim(terms(claim_id, order_ids=order_ids))).orders


def complete(order: Order) -> Command:
    """Return the report that an attempt is complete."""
    return Command(order.order_id, Action.COMPLETE, token=order.token)
