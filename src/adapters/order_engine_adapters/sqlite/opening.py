"""What stands behind the URL scheme `sqlite`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.sqlite.repository import SqliteRepository
from order_engine_adapters.sqlite.store import Store
from order_engine_adapters.sqlite.thread import DatabaseThread

NO_FILE = frozenset({"", "//", "///", "//:memory:", "///:memory:"})
HOW_TO_WRITE_IT = (
    "write sqlite:///orders.db for a file in the working directory, sqlite:////var/lib/orders.db for a path"
)


@asynccontextmanager
async def open_repository(url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
    """Open the database file that `url` names, and make it where there is none: `sqlite:///orders.db`.

    Raises InvalidSetting for a URL that names no file, RepositoryHeld where another process has the file, Unavailable
    where the file cannot be opened or is none of ours.
    """
    async with AsyncExitStack() as opened:
        try:
            repository = await opened.enter_async_context(open_file(database_path(url), clock=clock))
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
    store = Store(path, synchronous)
    thread = DatabaseThread(f"sqlite {path.name}")
    try:
        await thread.call(store.open, clock.now())
        yield SqliteRepository(store, thread, clock)
    finally:
        await thread.end(store.close)


def database_path(url: str) -> Path:
    """Return the path that a URL names. Raises InvalidSetting where it names none."""
    given, parameters, _ = url.partition("?")
    rest = given.partition(":")[2]
    if rest in NO_FILE or rest.startswith("///file:"):
        message = f"{url!r} names no file. Use memory:// for orders that may be lost; else {HOW_TO_WRITE_IT}."
        raise InvalidSetting(message)
    name = _decoded(rest.removeprefix("///"))
    if not rest.startswith("///") or name is None or parameters:
        message = f"{url!r} is not the URL of an SQLite file, which takes no parameters: {HOW_TO_WRITE_IT}."
        raise InvalidSetting(message)
    return Path(name)


def _decoded(path: str) -> str | None:
    """Return a path without its percent encoding; None where that is none, or hides a NUL."""
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return None
    return None if "\0" in decoded else decoded
