"""Mistakes that mypy and pyright must both reject: each has an `ignore`, and both report one that is not needed."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Sequence

from order_engine import NewOrder, Order, OrderEngine
from order_engine.ports import OrderQueue
from order_engine_adapters import Access, KeyRing, MemoryRepository, SystemClock, create_app, open_engine


async def fulfil(order: Order) -> None:
    """Do the work of a usual processor."""


async def with_names(names: str, order: Order) -> None:
    """Take more than an order, which no processor may."""


async def wrong_settings() -> None:
    """Give a setting another type, one that does not exist, and one of a service alone."""
    open_engine("memory://", processor=fulfil, concurrency="many")  # type: ignore[arg-type]
    open_engine("memory://", processor=fulfil, no_such=1)  # type: ignore[call-arg]
    open_engine("memory://", processor=fulfil, port=8000)  # type: ignore[call-arg]
    open_engine("memory://", processor=fulfil, lease_seconds=None)  # type: ignore[arg-type]


async def wrong_processors() -> None:
    """Leave the processor out, and give what cannot work on an order."""
    open_engine("memory://")  # type: ignore[call-arg]
    open_engine("memory://", processor=with_names)  # type: ignore[arg-type]
    open_engine("memory://", processor="demo")  # type: ignore[arg-type]


async def wrong_calls(engine: OrderEngine) -> None:
    """Place no order, ask with the wrong types, and change what is frozen."""
    await engine.place({"user_id": "user1"})  # type: ignore[arg-type]
    await engine.place(NewOrder(user_id="user1", item_ids=["tea"], total_amount=50.0))  # type: ignore[arg-type]
    await engine.list(status="Completed")  # type: ignore[arg-type]
    await engine.wait_for("order1", 5)  # type: ignore[call-arg]
    order = await engine.get("order1")
    order.user_id = "user2"  # type: ignore[misc]


class GivesNumbers:
    """A queue whose ids are no strings."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Forget them."""

    async def get(self, limit: int) -> Sequence[int]:
        """Return what no repository knows."""
        return [limit]


def wrong_adapters() -> None:
    """Take what is no queue for one, and leave an adapter out."""
    clock = SystemClock()
    queue: OrderQueue = GivesNumbers()  # type: ignore[assignment]
    OrderEngine(repository=MemoryRepository(clock), queue=queue, clock=clock)  # type: ignore[call-arg]


def wrong_access(engine: OrderEngine) -> None:
    """Give the keys themselves where what knows them is asked for."""
    create_app(engine, access=Access(keys=["oe_1"]))  # type: ignore[arg-type]
    create_app(engine, access=KeyRing())  # type: ignore[arg-type]
