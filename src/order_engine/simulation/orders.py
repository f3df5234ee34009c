"""Default orders of simulations."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Final

from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine.domain.content.validation import LONGEST_KEY
from order_engine.domain.order import NewOrder

LONGEST_ID: Final = DEFAULT_LIMITS.identifier_characters
GIFT_CARD: Final = (8, 3)
"""Of every 8 orders, the one at position 3 has no items."""
LONG_IDS: Final = (40, 12)
"""Of every 40 orders, the one at position 12 has ids of maximum length, in 4-byte characters but for the order id."""
ORDER: Final = "order-"
AGAIN: Final = "-again"
KEY_OF: Final = "key-of-"
CURRENCIES: Final = (None, "GBP", "eur")


def some_order(random: Random, number: int) -> NewOrder:
    """Return order `number`: up to five items, an amount with two decimal places, sometimes ids of maximum length."""
    user_id = f"user-{int(random.random() * 100)}"
    item_ids = [f"item-{int(random.random() * 50)}" for _ in range(1 + int(random.random() * 5))]
    total_amount = f"{int(random.random() * 1000)}.{int(random.random() * 100):02d}"
    digits = 5
    if _is_at(number, LONG_IDS):
        digits, user_id, item_ids = LONGEST_ID - len(ORDER), _long(user_id), list(map(_long, item_ids))
    return NewOrder(
        order_id=f"{ORDER}{number:0{digits}d}",
        user_id=user_id,
        item_ids=[] if _is_at(number, GIFT_CARD) else item_ids,
        total_amount=total_amount,
        currency=CURRENCIES[number % len(CURRENCIES)],
    )


def key_of(order_id: str) -> str:
    """Return the idempotency key of an order: readable if the order id may be part of a key."""
    is_plain = order_id.isascii() and " " not in order_id and len(order_id) <= LONGEST_KEY - len(KEY_OF)
    return f"{KEY_OF}{order_id if is_plain else sha256(order_id.encode()).hexdigest()}"


def _is_at(number: int, place: tuple[int, int]) -> bool:
    every, rest = place
    return number % every == rest


def _long(identifier: str) -> str:
    return identifier.ljust(LONGEST_ID, "\N{SHOPPING TROLLEY}")


def contradiction(order: NewOrder, random: Random) -> NewOrder:
    """Return an order with the same id and different content: its items reordered, or one item more."""
    item_ids = [*order.item_ids[1:], *order.item_ids[:1]]
    if item_ids == list(order.item_ids) or random.random() < 0.5:  # noqa: PLR2004 - an even chance
        item_ids = [*order.item_ids, "another"]
    return replace(order, item_ids=item_ids)


def renamed(order: NewOrder) -> NewOrder:
    """Return the same content under an id that is not used otherwise."""
    return replace(order, order_id=f"{(order.order_id or '')[: LONGEST_ID - len(AGAIN)]}{AGAIN}")
