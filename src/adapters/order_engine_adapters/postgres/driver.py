"""The driver for `postgresql://` and `postgres://` URLs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from order_engine.domain.metrics import Statistics
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.postgres.connection.durability import check_durability
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget
from order_engine_adapters.postgres.connection.sessions import Sessions
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.database_clock import DatabaseClock, last_event
from order_engine_adapters.postgres.reading.counter_rebuild import rebuild_counters_of
from order_engine_adapters.postgres.reading.event_stream import adopt_events
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.check import refuse_schema
from order_engine_adapters.postgres.schema.migrations import migrate_target, refuse_pending, shipped


@dataclass(frozen=True, slots=True)
class PostgresDriver:
    """Opens the database of a URL: `postgresql://user@host:5432/database`.

    `clock` determines the delays between retries; times of orders are those of the database. Raises InvalidSetting for
    an invalid URL, for problems that waiting does not resolve (an encoding other than UTF8, missing privileges), and
    for a server that may lose orders if `require_durable` is set; Unavailable if the database is unreachable or has a
    newer version, or the server is too old.
    """

    request_seconds: float = DEFAULT_BUDGET.request_seconds
    several_processes: ClassVar[bool] = True

    def within(self, request_seconds: float) -> PostgresDriver:
        """Return a driver whose calls end within the time limit of a request."""
        return replace(self, request_seconds=request_seconds)

    @asynccontextmanager
    async def __call__(self, url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
        """Create or migrate the schema."""
        target = self._target(url)
        await migrate_target(target, shipped())
        async with open_target(target, clock) as repository:
            yield repository

    @asynccontextmanager
    async def as_it_is(self, url: str, *, clock: Clock, writes: bool) -> AsyncIterator[OrderRepository]:
        """Open an existing, migrated schema; without `writes`, read-only."""
        target = self._target(url)
        refuse_pending(target, await migrate_target(target, shipped(), dry_run=True))
        if writes:
            async with open_target(target, clock) as repository:
                yield repository
            return
        sessions = Sessions(target, clock)
        try:
            await check_durability(sessions)
            yield PostgresRepository(sessions)
        finally:
            await sessions.close()

    async def migrate(self, url: str, *, clock: Clock, dry_run: bool) -> Sequence[str]:  # noqa: ARG002 - the server's
        """Create or migrate the schema; with `dry_run`, change nothing."""
        migrations = await migrate_target(self._target(url), shipped(), dry_run=dry_run)
        return [f"{each.number:04} {each.name}" for each in migrations]

    async def rebuild_counters(self, url: str, *, clock: Clock, seconds: float) -> tuple[Statistics, Statistics]:  # noqa: ARG002 - the server's
        """Count all orders of the database; return the metrics before and after."""
        return await rebuild_counters_of(self._target(url), seconds)

    def durable_url(self, url: str) -> str:
        """Return the URL by which the server's settings are checked when it is opened."""
        # The last parameter wins, so the URL cannot override it.
        return f"{url}{'&' if '?' in url else '?'}require_durable=true"

    def _target(self, url: str) -> Target:
        return parse(url, RequestBudget(self.request_seconds))


open_repository: PostgresDriver = PostgresDriver()


@asynccontextmanager
async def open_target(
    target: Target, clock: Clock | None = None, seconds: Callable[[], float] = time.monotonic
) -> AsyncIterator[PostgresRepository]:
    """Open a database with an up-to-date schema for writing; see `Sessions` for `clock`.

    `seconds` is the monotonic clock that detects steps of the database's clock. Raises as `open_repository` does.
    """
    sessions = Sessions(target, clock)
    try:
        await refuse_schema(sessions)
        await check_durability(sessions)
        await adopt_events(sessions)
        yield PostgresRepository(sessions, DatabaseClock(seconds, await last_event(sessions)))
    finally:
        await sessions.close()
