"""Every kind of processor that an engine takes. It must pass mypy and pyright, both strict."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from order_engine import Order, OrderProcessor, PlainProcessor, Rejected, RetryLater
from order_engine_adapters import open_engine, simulate


async def coroutine_function(order: Order) -> None:
    """Refuse an order that can never succeed."""
    if not order.item_ids:
        message = "It is empty."
        raise Rejected(message)


def plain_function(order: Order) -> str:
    """Put an order off; what a plain function returns is not looked at."""
    if order.attempt == 1:
        raise RetryLater(timedelta(minutes=5), reason="The bank is closed.")
    return order.order_id


async def with_more(shop: str, order: Order) -> None:
    """Take more than the order."""


class Shop:
    """A processor with a state."""

    async def __call__(self, order: Order) -> None:
        """Work on one order."""

    async def fulfil(self, order: Order) -> None:
        """Work on one order."""

    def ship(self, order: Order) -> None:
        """Work on one order in a thread."""


ASYNCHRONOUS: list[OrderProcessor] = [coroutine_function, Shop(), Shop().fulfil, partial(with_more, "shop1")]
IN_THREADS: list[PlainProcessor] = [plain_function, Shop().ship, print]


async def main() -> None:
    """Open an engine with each of them, and with none."""
    for processor in [*ASYNCHRONOUS, *IN_THREADS, None]:
        async with open_engine("memory://", processor=processor):
            pass


def test_the_shop() -> None:
    """Try a processor in simulations."""
    summary = simulate(lambda: Shop().fulfil, seeds=3)
    assert summary.seeds == 3
