"""Large orders over a slow link: claims and pages take what the link carries in time, and nothing is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from order_engine import Order, OrderEngine, Unavailable
from order_engine.contracts.samples import placement
from order_engine.domain.content.attributes import Attributes
from order_engine.ports.processor import OrderProcessor
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.memory import MemoryQueue
from order_engine_adapters.postgres.connection.target import parse
from order_engine_adapters.postgres.driver import open_target
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.tcp_proxy import TcpProxy

ORDERS = 40
LARGE = Attributes(f'{{"note":"{"x" * 200_000}"}}')
BYTES_PER_SECOND = 1_000_000.0
"""All orders together take eight seconds, and a call of the repository may take seven."""


@asynccontextmanager
async def _engine(processor: OrderProcessor | None) -> AsyncIterator[OrderEngine]:
    """Run an engine behind a slow link, on a database that has large orders already."""
    async with TcpProxy(server_url()) as proxy:
        straight = await new_schema()
        async with open_target(straight) as repository:
            for number in range(ORDERS):
                await repository.add([placement(f"order-{number}", attributes=LARGE)])
        proxy.bytes_per_second = BYTES_PER_SECOND
        async with (
            open_target(parse(f"{proxy.url}?schema={straight.schema}&pool=4")) as repository,
            OrderEngine(
                repository=repository,
                queue=MemoryQueue(),
                clock=SystemClock(),
                processor=processor,
                random=Random(1),  # noqa: S311 - nothing secret is made of it
            ) as engine,
        ):
            yield engine


async def test_claims_take_what_the_link_carries() -> None:
    """Forty orders of 200 KB are done over a link of 1 MB/s. One claim of all of them would never end in time."""
    done: list[str] = []
    all_done = asyncio.Event()

    async def processor(order: Order) -> None:
        done.append(order.order_id)
        if len(done) == ORDERS:
            all_done.set()

    async with _engine(processor), asyncio.timeout(60):
        await all_done.wait()
    assert sorted(done) == sorted(f"order-{number}" for number in range(ORDERS))


async def test_pages_become_as_small_as_the_link_wants() -> None:
    """A list of large orders is read to its end, in smaller pages; and who waits for an order reads no other's."""
    listed: list[str] = []
    refused = 0
    async with _engine(None) as engine, asyncio.timeout(60):
        cursor, more = None, True
        while more:
            try:
                page = await engine.list(limit=1000, cursor=cursor)
            except Unavailable:
                refused += 1
                continue
            listed += [order.order_id for order in page]
            cursor, more = page.next, page.next is not None
    assert sorted(listed) == sorted(f"order-{number}" for number in range(ORDERS))
    assert refused <= 3
