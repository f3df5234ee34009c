"""The orders that every contender gets, and their content as a general queue carries it."""

from __future__ import annotations

import json

from order_engine import NewOrder


def new_orders(count: int, first: int = 0) -> list[NewOrder]:
    """Return orders as a client would give them: three items, 50.00, numbered from `first`."""
    return [
        NewOrder(
            order_id=f"order-{number:08d}",
            user_id=f"user-{number % 1000}",
            item_ids=["item-1", "item-2", "item-3"],
            total_amount="50.00",
        )
        for number in range(first, first + count)
    ]


def content(order: NewOrder) -> dict[str, object]:
    """Return an order as a queue carries it whose jobs have named arguments."""
    return {
        "order_id": order.order_id,
        "user_id": order.user_id,
        "item_ids": list(order.item_ids),
        "total_amount": str(order.total_amount),
    }


def payload(order: NewOrder) -> bytes:
    """Return the same as JSON, for queues that keep bytes."""
    return json.dumps(content(order)).encode()
