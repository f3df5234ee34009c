"""The PostgreSQL repository keeps its contract behind PgBouncer, whose two server connections all clients share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import hypothesis
import pytest

from order_engine.contracts import Harness, RepositoryContract
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from tests.integration.postgres.pooler import Pooler, running_pooler
from tests.integration.postgres.support import EMPTY, TurnedTime, new_schema, server_url

_poolers: list[Pooler] = []
_schemas: list[Target] = []
"""The one schema of these tests, which is emptied for each."""


@pytest.fixture(scope="module", autouse=True)
def pooler() -> Iterator[None]:
    """Run one PgBouncer for all tests of the contract."""
    with running_pooler(server_url()) as running:
        _poolers.append(running)
        yield
    _poolers.clear()
    _schemas.clear()


class TestBehindPgBouncer(RepositoryContract):
    """The repository keeps its whole contract although no session is its own for longer than a transaction."""

    patience_seconds = 30.0
    # The machine looks for what the statements do wrong, which it does longer without PgBouncer.
    stateful_settings = hypothesis.settings(RepositoryContract.stateful_settings, max_examples=20)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Harness]:
        """Open an empty repository on a clock that stands still, which is turned straight at the server."""
        if not _schemas:
            _schemas.append(await new_schema(manual_time=True))
        straight = _schemas[0]
        connection = await connect(straight)
        try:
            await connection.execute(EMPTY.format(schema=straight.schema))
            time = TurnedTime(connection, straight.schema)
            async with open_target(_poolers[0].target(straight.schema), seconds=time.seconds) as repository:
                yield Harness(repository, time.turn)
        finally:
            await connection.close()
