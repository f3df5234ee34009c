"""The driver of the URL scheme `sqlite`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

from order_engine.domain.errors import Unavailable
from order_engine.domain.metrics import Statistics
from order_engine.ports.clock import Clock, ResumableClock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.sqlite.connection.thread import DatabaseThread
from order_engine_adapters.sqlite.file_url import database_path
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.reading.counter_rebuild import rebuild_counters
from order_engine_adapters.sqlite.repository import SqliteRepository


class SqliteDriver:
    """Opens the database file that a URL names: `sqlite:///orders.db`.

    Raises InvalidSetting for a URL that names no file, RepositoryHeld where another process has the file, Unavailable
    where the file cannot be opened or is none of ours.
    """

    several_processes = False

    @asynccontextmanager
    async def __call__(self, url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
        """Make the file where there is none, and bring it up to date."""
        async with _opened(url, clock, lambda store: store.open(clock.now())) as repository:
            yield repository

    @asynccontextmanager
    async def as_it_is(self, url: str, *, clock: Clock, writes: bool) -> AsyncIterator[OrderRepository]:
        """Open a file that is there and up to date, without `writes` to read it alone."""

        def open_it(store: OrderTables) -> None:
            if writes:
                store.open(clock.now(), may_migrate=False)
            else:
                store.open_to_read()

        async with _opened(url, clock, open_it) as repository:
            yield repository

    async def migrate(self, url: str, *, clock: Clock, dry_run: bool) -> Sequence[str]:
        """Bring the file up to date, and make it where there is none; with `dry_run` change nothing."""
        path = database_path(url)
        store, thread = OrderTables(path, "FULL"), DatabaseThread(f"sqlite {path.name}")
        try:
            if dry_run:
                migrations = await thread.call(store.pending)
            else:
                migrations = await thread.call(store.open, clock.now())
        finally:
            await thread.end(store.close)
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


open_repository = SqliteDriver()


@asynccontextmanager
async def _opened(url: str, clock: Clock, open_it: Callable[[OrderTables], object]) -> AsyncIterator[OrderRepository]:
    async with AsyncExitStack() as opened:
        try:
            repository = await opened.enter_async_context(_file(database_path(url), clock, "FULL", open_it))
        except Unavailable as error:
            # A file is here or it is not: who starts does not wait for it.
            error.lasting = True
            raise
        yield repository


@asynccontextmanager
async def open_file(
    path: Path, *, clock: Clock, synchronous: Literal["FULL", "OFF"] = "FULL"
) -> AsyncIterator[SqliteRepository]:
    """Open the database at `path`. `synchronous="OFF"` is for tests: a power failure loses orders then."""
    async with _file(path, clock, synchronous, lambda store: store.open(clock.now())) as repository:
        yield repository


@asynccontextmanager
async def _file(
    path: Path, clock: Clock, synchronous: Literal["FULL", "OFF"], open_it: Callable[[OrderTables], object]
) -> AsyncIterator[SqliteRepository]:
    store = OrderTables(path, synchronous)
    thread = DatabaseThread(f"sqlite {path.name}")
    try:
        await thread.call(open_it, store)
        if isinstance(clock, ResumableClock) and (last := await thread.call(store.last_time)) is not None:
            clock.not_before(last)
        yield SqliteRepository(store, thread, clock)
    finally:
        await thread.end(store.close)
