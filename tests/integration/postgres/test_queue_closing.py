"""The PostgreSQL queue is closed: in time, and nothing is left of it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from functools import partial

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.postgres.connection.target import CLOSE_SECONDS
from tests.integration.postgres.bells import CLIENTS, ask, new_channel, opened, ring_until_heard, until
from tests.postgres_server import Server, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a separate server."""
    with running_server() as running:
        yield running


async def is_left_alone(server: Server) -> bool:
    """Return whether the server has no connections."""
    return not await ask(server.url, CLIENTS)


async def test_closing_leaves_nothing(server: Server) -> None:
    """Closing raises errors to waiters, ends the tasks and closes the connections."""
    url = new_channel(server.url)
    before = asyncio.all_tasks()
    async with opened(url) as queue:
        await ring_until_heard(queue, queue)
        getter = asyncio.create_task(queue.get(1))
        await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="closed"):
        await getter
    with pytest.raises(Unavailable, match="closed"):
        await queue.get(1)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before

    await until(partial(is_left_alone, server))


@pytest.mark.parametrize("turns", range(0, 60, 4))
async def test_closing_while_it_connects(server: Server, caplog: pytest.LogCaptureFixture, turns: int) -> None:
    """A queue that is closed at any moment of its beginning leaves no task, no connection and nothing in the log."""
    url = new_channel(server.url)
    before = asyncio.all_tasks()
    async with opened(url) as queue:
        getter = asyncio.create_task(queue.get(1))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
    await asyncio.gather(getter, return_exceptions=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    gc.collect()
    assert not caplog.records

    await until(partial(is_left_alone, server))


async def test_closing_has_a_time_limit(server: Server) -> None:
    """A queue closes in time although its server answers nothing."""
    try:
        async with opened(new_channel(server.url)) as queue:
            await ring_until_heard(queue, queue)
            server.pause()
            began = time.monotonic()
    finally:
        server.go_on()
    assert time.monotonic() - began < 2 * CLOSE_SECONDS + 2
