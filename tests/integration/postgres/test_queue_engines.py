"""Engines at one database: the bell of one that takes orders wakes another that works on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from order_engine import NewOrder, Order, OrderEngine, Status
from order_engine_adapters.wiring.opening import open_engine
from tests.integration.postgres.bells import LISTENERS, PATIENCE_SECONDS, ask, until
from tests.integration.postgres.support import new_schema, server_url

NEVER_IN_TIME = 20 * PATIENCE_SECONDS
ORDERS = 5


@asynccontextmanager
async def two_engines(
    url: str, queue_url: str | None, poll_seconds: float
) -> AsyncIterator[tuple[OrderEngine, OrderEngine]]:
    """Run one engine that takes orders only, and one that works on them."""

    async def work(_: Order) -> None:
        pass

    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        open_engine(url, queue_url=queue_url, processor=None) as taking,
        open_engine(url, queue_url=queue_url, processor=work, poll_seconds=poll_seconds) as working,
    ):
        yield taking, working


async def place_and_await_each(taking: OrderEngine, working: OrderEngine) -> None:
    """Place one order after another, each when the last has been worked on."""
    for name in (f"order-{number}" for number in range(ORDERS)):
        await taking.place(NewOrder(order_id=name, user_id="user-1", item_ids=["item-1"], total_amount=Decimal("1.00")))
        ended = await working.wait_for(name, seconds=PATIENCE_SECONDS)
        assert ended.status is Status.COMPLETED


async def test_bell_wakes_the_other_engine() -> None:
    """Orders that one engine takes are worked on by another at once, long before it polls again; no queue is named.

    The first may still be found by the poll with which an engine begins; none of the others can.
    """
    url = f"{server_url()}?schema={(await new_schema()).schema}"

    async def is_listening() -> bool:
        return bool(await ask(url, LISTENERS))

    async with two_engines(url, None, NEVER_IN_TIME) as (taking, working):
        await until(is_listening)
        await place_and_await_each(taking, working)


async def test_the_poll_does_without_a_bell() -> None:
    """With `notify=off` there is no listener, and the other engine finds every order by polling."""
    url = f"{server_url()}?schema={(await new_schema()).schema}"
    async with two_engines(url, f"{url}&notify=off", 0.2) as (taking, working):
        await place_and_await_each(taking, working)
        assert not await ask(url, LISTENERS)
