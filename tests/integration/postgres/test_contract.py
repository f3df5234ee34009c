"""The PostgreSQL repository keeps its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from order_engine.contracts import BoundsContract, OwnLeasesContract, RepositoryContract, TraceParentContract
from order_engine_adapters.postgres.connection.target import Target
from tests.integration.postgres.support import PostgresHarness, harness, new_schema, server_url

_schemas: dict[str, Target] = {}
"""The one schema of these tests on each server, which is emptied for each: making one takes a hundred times as long."""


class TestPostgresRepository(RepositoryContract, TraceParentContract, BoundsContract, OwnLeasesContract):
    """The PostgreSQL repository keeps the whole contract of a repository, trace parents included."""

    patience_seconds = 30.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PostgresHarness]:
        """Open an empty repository on a clock that stands still."""
        if server_url() not in _schemas:
            _schemas[server_url()] = await new_schema(manual_time=True)
        async with harness(_schemas[server_url()]) as opened:
            yield opened
