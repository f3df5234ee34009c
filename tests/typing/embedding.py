"""A program that runs the engine in its own process. It must pass mypy and pyright, both strict."""

from __future__ import annotations

from typing import assert_type

from order_engine import (
    CallerError,
    InvalidOrder,
    NewOrder,
    Order,
    OrderEngine,
    OrderEngineError,
    OrderList,
    Overloaded,
    Placed,
    Statistics,
    Status,
    TransientError,
)
from order_engine_adapters import EngineSettings, open_engine

SETTINGS: EngineSettings = {"concurrency": 10, "lease_seconds": 5}


async def fulfil(order: Order) -> None:
    """Read everything that an order has for a processor."""
    assert_type(order.item_ids, tuple[str, ...])
    assert_type(order.token, int)


async def main() -> None:
    """Use the engine from its opening to its end."""
    async with open_engine("memory://", processor=fulfil, **SETTINGS) as engine:
        assert_type(engine, OrderEngine)
        placed = await engine.place(NewOrder(user_id="user1", item_ids=["tea"], total_amount="50.00"))
        assert_type(placed.order, Order)
        assert_type(placed.replayed, bool)
        for outcome in await engine.place_many([]):
            assert_type(outcome, Placed | OrderEngineError)
        assert_type(await engine.wait_for(placed.order.order_id, seconds=5), Order)
        assert_type(await engine.status(placed.order.order_id), Status)
        page = await engine.list(status=Status.COMPLETED, limit=10)
        assert_type(page, OrderList)
        assert_type(await engine.metrics(), Statistics)


async def follow(engine: OrderEngine) -> str:
    """Go on from a cursor that was kept as text."""
    page = await engine.events(limit=10)
    assert_type([event.order_id for event in page.events], list[str])
    page = await engine.events(after=page.next)
    return page.next


async def answer(engine: OrderEngine, order: NewOrder) -> tuple[int, str]:
    """Tell what may be retried from what the caller has to correct."""
    try:
        await engine.place(order)
    except TransientError as error:
        seconds = error.retry_after if isinstance(error, Overloaded) else 1.0
        assert_type(seconds, float)
        return 503, error.code
    except CallerError as error:
        pointers = [each.pointer for each in error.errors] if isinstance(error, InvalidOrder) else []
        assert_type(pointers, list[str])
        return 422, error.code
    return 201, ""
