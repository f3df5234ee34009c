"""The SQLite repository keeps its contract."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from order_engine.contracts import FaultContract, Harness, RepositoryContract, TraceParentContract
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite.opening import open_file
from tests.unit.sqlite.breaking import hooks


class TestSqliteRepository(RepositoryContract, TraceParentContract, FaultContract):
    """The SQLite repository keeps the whole contract, trace parents included. It is never full, and refuses no item."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Harness]:
        """Open a new database on a clock that stands still."""
        clock = ManualClock()
        with tempfile.TemporaryDirectory() as folder:
            async with open_file(Path(folder, "orders.db"), clock=clock) as repository:
                yield Harness(repository, clock.jump, hooks(repository))
