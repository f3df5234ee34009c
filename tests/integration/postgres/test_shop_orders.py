"""Orders that shops have, on PostgreSQL: without items, with long ids, and rung for over the bell."""

from __future__ import annotations

import asyncio

from order_engine import Order, Status
from order_engine_adapters import open_engine
from order_engine_adapters.postgres.connection.target import Target
from tests.integration.postgres.support import new_schema
from tests.shop_orders import as_new_order, shop_orders

LONGEST = "\N{SHOPPING TROLLEY}" * 256
WAIT_SECONDS = 60.0


def _url(target: Target) -> str:
    """Return the URL of a schema."""
    return f"{target.url}{'&' if '?' in target.url else '?'}schema={target.schema}"


async def test_the_orders_of_shops_are_placed_and_completed() -> None:
    """Gift cards, refunds, SKUs of 200 characters; each placed again is a replay."""
    target = await new_schema()
    got: dict[str, Order] = {}

    async def fulfil(order: Order) -> None:
        got[order.order_id] = order

    async with open_engine(_url(target), processor=fulfil) as engine:
        for name, order in shop_orders().items():
            await engine.place(as_new_order(order))
            assert (await engine.wait_for(name, seconds=WAIT_SECONDS)).status is Status.COMPLETED
            assert got[name].item_ids == tuple(order["item_ids"])
            assert got[name].currency == (order["currency"] and order["currency"].upper())
            assert (await engine.place(as_new_order(order))).replayed


async def test_the_longest_ids_are_stored_listed_and_rung_for() -> None:
    """Ids of 256 characters of four bytes fit into every index and into the bell, which another process hears."""
    target = await new_schema()
    done = asyncio.Event()

    async def fulfil(order: Order) -> None:
        assert order.user_id == LONGEST
        done.set()

    plain = {"order_id": LONGEST, "user_id": LONGEST, "item_ids": [LONGEST] * 3, "total_amount": "1.00"}
    async with (
        # So that within the time of this test only the bell can bring the order over.
        open_engine(_url(target), processor=fulfil, poll_seconds=10 * WAIT_SECONDS),
        open_engine(_url(target), processor=None) as placing,
    ):
        await placing.place(as_new_order(plain), idempotency_key="k" * 255)
        async with asyncio.timeout(WAIT_SECONDS):
            await done.wait()
        await placing.wait_for(LONGEST, seconds=WAIT_SECONDS)
        listed = await placing.list(user_id=LONGEST)
        assert [order.order_id for order in listed] == [LONGEST]
