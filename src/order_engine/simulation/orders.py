"""Orders for simulations, where the user brings none."""

from __future__ import annotations

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


def contradiction(order: NewOrder) -> NewOrder:
    """Return an order of the same id and other content."""
    return NewOrder(
        order_id=order.order_id, user_id=order.user_id, item_ids=[*order.item_ids, "another"], total_amount="1.00"
    )
