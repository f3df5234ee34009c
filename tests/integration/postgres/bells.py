"""What the tests of the PostgreSQL queue share."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from order_engine.domain.errors import Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.queue import OrderQueue
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres.connection.target import connect, parse
from order_engine_adapters.postgres.queue.notify_queue import open_queue

PATIENCE_SECONDS: Final = 30.0
AGAIN_SECONDS: Final = 0.1
"""After which a bell that was not heard is rung again: it may have been rung before anybody listened."""
LOOK_SECONDS: Final = 0.02
PLENTY: Final = 100_000

LISTENERS: Final = "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN \"{schema}\"'"
"""Those that listen to a schema's channel, as far as they have said nothing since: for some seconds."""
CLIENTS: Final = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def new_channel(server: str) -> str:
    """Return the URL of a queue with a unique channel."""
    return f"{server}?schema=test_{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def opened(url: str, clock: Clock | None = None, request_seconds: float = 10) -> AsyncIterator[OrderQueue]:
    """Open a queue for one test, which has to be done in time."""
    opener = open_queue.within(request_seconds)
    async with asyncio.timeout(PATIENCE_SECONDS), opener(url, clock=clock or SystemClock()) as queue:
        yield queue


async def ring_until_heard(ringing: OrderQueue, listening: OrderQueue, order_id: str = "first") -> None:
    """Notify until it is received, whatever is unavailable. Nothing put earlier is received afterwards."""
    await _insist(lambda: ringing.put([order_id]), lambda: listening.get(PLENTY))
    await ringing.put(["last"])
    await heard_before(listening, "last")


async def heard_before(listening: OrderQueue, last: str) -> Sequence[str]:
    """Return the ids received until `last` is."""
    heard: list[str] = []
    while last not in heard:
        heard += await listening.get(PLENTY)
    return heard[: heard.index(last)]


async def told_unavailable(queue: OrderQueue) -> str:
    """Call `get` until it raises Unavailable, and return the error."""
    while True:
        try:
            await queue.get(PLENTY)
        except Unavailable as error:
            return str(error)


async def ask(url: str, sql: str) -> Sequence[Any]:
    """Return the first column of what a statement finds, `{schema}` being the URL's, on a connection of its own."""
    target = parse(url)
    connection = await connect(target)
    try:
        return [row[0] for row in await connection.fetch(sql.format(schema=target.schema))]
    finally:
        await connection.close()


async def until(holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(LOOK_SECONDS)


async def _insist(
    ring: Callable[[], Coroutine[Any, Any, None]], get: Callable[[], Coroutine[Any, Any, Sequence[str]]]
) -> None:
    getter = asyncio.ensure_future(get())
    try:
        while not getter.done() or getter.exception() is not None:
            if getter.done():
                getter = asyncio.ensure_future(get())
            try:
                await ring()
            except Unavailable:
                await asyncio.sleep(AGAIN_SECONDS)
            await asyncio.wait([getter], timeout=AGAIN_SECONDS)
    finally:
        getter.cancel()
