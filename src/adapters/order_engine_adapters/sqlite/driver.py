"""The driver for `sqlite://` URLs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, Literal

from order_engine.domain.errors import Unavailable
from order_engine.domain.metrics import Statistics
from order_engine.ports.clock import Clock, ResumableClock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.sqlite.connection.thread import DatabaseThread
from order_engine_adapters.sqlite.file_url import database_path
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.reading.counter_rebuild import rebuild_counters
from order_engine_adapters.sqlite.repository import SqliteRepository

REQUEST_SECONDS: Final = 10.0
BUSY_PART: Final = 0.1
"""The part of a request for which each call waits for another program that locks the file, to back it up for example.
Calls wait one behind the other on one thread, so several such waits have to fit into a request."""


@dataclass(frozen=True, slots=True)
class SqliteDriver:
    """Opens the database file of a URL: `sqlite:///orders.db`.

    Raises InvalidSetting for a URL without a file, RepositoryHeld if another process uses the file, Unavailable if the
    file cannot be opened or belongs to other software.
    """

    request_seconds: float = REQUEST_SECONDS
    several_processes: ClassVar[bool] = False

    def within(self, request_seconds: float) -> SqliteDriver:
        """Return a driver whose calls end within the time limit of a request."""
        return replace(self, request_seconds=request_seconds)

    @asynccontextmanager
    async def __call__(self, url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
        """Create or migrate the file."""
        async with _opened(self._tables(url), clock, lambda tables: tables.open(clock.now())) as repository:
            yield repository

    @asynccontextmanager
    async def as_it_is(self, url: str, *, clock: Clock, writes: bool) -> AsyncIterator[OrderRepository]:
        """Open an existing, migrated file; without `writes`, read-only."""

        def open_it(tables: OrderTables) -> None:
            if writes:
                tables.open(clock.now(), may_migrate=False)
            else:
                tables.open_to_read()

        async with _opened(self._tables(url), clock, open_it) as repository:
            yield repository

    async def migrate(self, url: str, *, clock: Clock, dry_run: bool) -> Sequence[str]:
        """Create or migrate the file; with `dry_run`, change nothing."""
        tables = self._tables(url)
        thread = _thread_of(tables)
        try:
            if dry_run:
                migrations = await thread.call(tables.pending)
            else:
                migrations = await thread.call(tables.open, clock.now())
        finally:
            await thread.end(tables.close)
        return [f"{each.number:04} {each.name}" for each in migrations]

    async def rebuild_counters(self, url: str, *, clock: Clock, seconds: float) -> tuple[Statistics, Statistics]:  # noqa: ARG002 - nobody else uses the file meanwhile
        """Count all orders of the file; return the metrics before and after."""
        return await rebuild_counters(url, clock)

    def durable_url(self, url: str) -> str:
        """Return the URL as it is: every commit waits for the disk."""
        return url

    def file_of(self, url: str) -> Path:
        """Return the database file."""
        return database_path(url)

    def _tables(self, url: str) -> OrderTables:
        return OrderTables(database_path(url), "FULL", BUSY_PART * self.request_seconds)


open_repository: SqliteDriver = SqliteDriver()


@asynccontextmanager
async def _opened(
    tables: OrderTables, clock: Clock, open_it: Callable[[OrderTables], object]
) -> AsyncIterator[OrderRepository]:
    async with AsyncExitStack() as opened:
        try:
            repository = await opened.enter_async_context(_served(tables, clock, open_it))
        except Unavailable as error:
            # Waiting does not help if a local file is missing.
            error.lasting = True
            raise
        yield repository


@asynccontextmanager
async def open_file(
    path: Path, *, clock: Clock, synchronous: Literal["FULL", "OFF"] = "FULL"
) -> AsyncIterator[SqliteRepository]:
    """Open the database at `path`. `synchronous="OFF"` is for tests: a power failure then loses orders."""
    async with _served(OrderTables(path, synchronous), clock, lambda tables: tables.open(clock.now())) as repository:
        yield repository


@asynccontextmanager
async def _served(
    tables: OrderTables, clock: Clock, open_it: Callable[[OrderTables], object]
) -> AsyncIterator[SqliteRepository]:
    thread = _thread_of(tables)
    try:
        await thread.call(open_it, tables)
        if isinstance(clock, ResumableClock) and (last := await thread.call(tables.last_time)) is not None:
            clock.not_before(last)
        yield SqliteRepository(tables, thread, clock)
    finally:
        await thread.end(tables.close)


def _thread_of(tables: OrderTables) -> DatabaseThread:
    return DatabaseThread(f"sqlite {tables.database.path.name}")
