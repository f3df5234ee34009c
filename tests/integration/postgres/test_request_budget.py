"""The time limit of a request reaches the database: a short one ends calls early, a long one lets them wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from order_engine import NewOrder, OutcomeUnknown, Unavailable
from order_engine.contracts.samples import placement
from order_engine_adapters import Opened, Settings, open_with
from order_engine_adapters.postgres.connection.target import Connection, connect, parse
from tests.integration.postgres.support import new_schema, server_url
from tests.postgres_server import Server, running_server

SHORT_SECONDS = 3.0
LONG_SECONDS = 60.0
LOCKED_SECONDS = 8.0
"""Longer than each limit of a call while requests have the ten seconds of the default."""
ORDER = NewOrder(order_id="order-1", user_id="user1", item_ids=["item1"], total_amount="50.00")


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server of these tests' own, which they freeze."""
    with running_server() as running:
        yield running


@asynccontextmanager
async def opened(url: str, request_seconds: float) -> AsyncIterator[Opened]:
    """Open an engine that only takes orders, by the setting."""
    settings = Settings.given(database_url=url, queue_url="memory://", request_seconds=request_seconds)
    async with open_with(settings, processor=None) as its:
        yield its


async def new_url() -> str:
    """Make a schema, and return its URL."""
    return f"{server_url()}?schema={(await new_schema()).schema}"


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[Connection]:
    """Lock a table in a foreign transaction."""
    target = parse(url)
    connection = await connect(target)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {target.schema}.contents")
        yield connection
    finally:
        await connection.close()


async def test_a_server_that_hangs_is_given_up_within_a_short_request(server: Server) -> None:
    """By the adapter, which knows what was under way: what reads is Unavailable, what writes is OutcomeUnknown."""
    async with opened(server.url, SHORT_SECONDS) as its:
        await its.engine.place(ORDER)
        server.pause()
        try:
            with pytest.raises(OutcomeUnknown, match="did not respond"):
                async with asyncio.timeout(SHORT_SECONDS):
                    await its.repository.add([placement("order-2")])
            with pytest.raises(Unavailable, match="PostgreSQL"):
                async with asyncio.timeout(SHORT_SECONDS):
                    await its.repository.get(["order-1"])
        finally:
            server.go_on()


@pytest.mark.parametrize("pooled", ["", "&statement_cache_size=0"])
async def test_a_lock_is_given_up_within_a_short_request(pooled: str) -> None:
    """With what it was that kept it, also where every transaction sets its limits for itself."""
    url = await new_url()
    async with opened(url + pooled, SHORT_SECONDS) as its, locked(url):
        with pytest.raises(Unavailable, match="did not grant a lock"):
            async with asyncio.timeout(SHORT_SECONDS):
                await its.engine.place(ORDER)


async def test_a_long_request_waits_for_a_lock() -> None:
    """For longer than a request of the default length has."""
    url = await new_url()
    async with opened(url, LONG_SECONDS) as its, locked(url) as somebody:
        placing = asyncio.create_task(its.engine.place(ORDER))
        await asyncio.wait([placing], timeout=LOCKED_SECONDS)
        assert not placing.done()
        await somebody.execute("ROLLBACK")
        assert not (await placing).replayed
