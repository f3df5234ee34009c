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

from order_engine.contracts import Harness
from order_engine.contracts.samples import terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import Order
from order_engine_adapters.postgres.connecting import Target, connect, parse
from order_engine_adapters.postgres.migrations import migrate_target, shipped
from order_engine_adapters.postgres.opening import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.postgres_server import postgres_url

MANUAL_TIME: Final = """
CREATE TABLE {schema}.manual_clock (now timestamptz NOT NULL);
INSERT INTO {schema}.manual_clock VALUES (timestamptz '2026-01-01 12:00:00.123456+00');
CREATE OR REPLACE FUNCTION {schema}.order_engine_now() RETURNS timestamptz LANGUAGE sql VOLATILE
AS 'SELECT now FROM {schema}.manual_clock';
"""
TURN: Final = "UPDATE {schema}.manual_clock SET now = now + $1::float8 * interval '1 second'"
EMPTY: Final = """
TRUNCATE {schema}.contents, {schema}.orders, {schema}.events, {schema}.idempotency_keys, {schema}.counters;
UPDATE {schema}.manual_clock SET now = '2026-01-01 12:00:00.123456+00'
"""

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


@asynccontextmanager
async def harness(target: Target) -> AsyncIterator[Harness]:
    """Open a repository in a schema where time stands still, emptied before."""
    connection = await connect(target)
    try:
        await connection.execute(EMPTY.format(schema=target.schema))

        async def turn(seconds: float) -> None:
            await connection.execute(TURN.format(schema=target.schema), seconds)

        async with open_target(target) as repository:
            yield Harness(repository, turn)
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
