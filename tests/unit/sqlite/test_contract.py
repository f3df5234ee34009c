"""The SQLite repository keeps its contract."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

from order_engine.contracts import (
    BoundsContract,
    FaultContract,
    FaultHooks,
    OwnLeasesContract,
    RepositoryContract,
    TraceParentContract,
)
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import SqliteRepository
from order_engine_adapters.sqlite.driver import open_file
from tests.unit.sqlite.breaking import hooks


class SqliteHarness:
    """A database in a folder, on a clock that stands still; a backup is a copy of its file."""

    repository: SqliteRepository

    def __init__(self, folder: Path) -> None:
        """Keep the paths."""
        self._path, self._copy = folder / "orders.db", folder / "copy.db"
        self._clock = ManualClock()
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the database, and make it where there is none."""
        self.repository = await self._opened.enter_async_context(open_file(self._path, clock=self._clock))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._opened.aclose()

    @property
    def faults(self) -> FaultHooks:
        """What can be injected."""
        return hooks(self.repository)

    async def advance(self, seconds: float) -> None:
        """Turn the clock."""
        self._clock.jump(seconds)

    async def back_up(self) -> None:
        """Copy the file while nobody has it open."""
        await self._opened.aclose()
        shutil.copyfile(self._path, self._copy)
        await self.__aenter__()

    async def restore(self) -> None:
        """Put the copy in its place."""
        await self._opened.aclose()
        shutil.copyfile(self._copy, self._path)
        await self.__aenter__()


class TestSqliteRepository(RepositoryContract, TraceParentContract, BoundsContract, OwnLeasesContract, FaultContract):
    """The SQLite repository keeps the whole contract, trace parents included. It is never full, and refuses no item."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SqliteHarness]:
        """Open a new database on a clock that stands still."""
        with tempfile.TemporaryDirectory() as folder:
            async with SqliteHarness(Path(folder)) as harness:
                yield harness
