"""Orders for simulations, where the user brings none."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from order_engine.domain.order import NewOrder


def some_order(random: Random, number: int) -> NewOrder:
    """Return order `number`: up to five items, and an amount with two decimals."""
    return NewOrder(
        order_id=f"order-{number:05d}",
        user_id=f"user-{int(random.random() * 100)}",
        item_ids=[f"item-{int(random.random() * 50)}" for _ in range(1 + int(random.random() * 5))],
        total_amount=f"{int(random.random() * 1000)}.{int(random.random() * 100):02d}",
    )


def contradiction(order: NewOrder, random: Random) -> NewOrder:
    """Return an order of the same id and other content: with its items in another order, or one more."""
    item_ids = [*order.item_ids[1:], *order.item_ids[:1]]
    if item_ids == list(order.item_ids) or random.random() < 0.5:  # noqa: PLR2004 - an even chance
        item_ids = [*order.item_ids, "another"]
    return replace(order, item_ids=item_ids)


def renamed(order: NewOrder) -> NewOrder:
    """Return the same content under an id that nobody places."""
    return replace(order, order_id=f"{order.order_id}-again")
