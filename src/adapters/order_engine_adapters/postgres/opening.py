"""What stands behind the URL schemes `postgresql` and `postgres`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.postgres.connecting import Target, parse
from order_engine_adapters.postgres.durability import check_durability
from order_engine_adapters.postgres.migrations import migrate_target, shipped
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.sessions import Sessions
from order_engine_adapters.postgres.streaming import adopt_events


@asynccontextmanager
async def open_repository(url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
    """Open the database that `url` names, and bring its schema up to date: `postgresql://user@host:5432/database`.

    `clock` makes the pauses between two tries; the times of orders are the database's. Raises InvalidSetting for a URL
    that makes no sense, and for a server that may lose orders where `require_durable` is set; Unavailable where the
    database cannot be reached or is of a newer version, and where its server is too old.
    """
    target = parse(url)
    await migrate_target(target, shipped())
    async with open_target(target, clock) as repository:
        yield repository


@asynccontextmanager
async def open_target(target: Target, clock: Clock | None = None) -> AsyncIterator[PostgresRepository]:
    """Open a database whose schema is up to date; see `Sessions` for what `clock` does."""
    sessions = Sessions(target, clock)
    try:
        await check_durability(sessions)
        await adopt_events(sessions)
        yield PostgresRepository(sessions)
    finally:
        await sessions.close()
