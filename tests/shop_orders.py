"""The orders of `examples/shops`: exports of real shop systems, with invented people, as orders of the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from examples.shops.__main__ import orders_in
from examples.shops.reading import WireOrder, read_document
from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine.domain.order import NewOrder
from order_engine.wire import read_order

DOCUMENTS = sorted((Path(__file__).parents[1] / "examples" / "shops" / "documents").glob("*.json"))


def shop_of(document: Path) -> str:
    """Return whose export a document is: the first word of its name."""
    return document.stem.partition("_")[0]


def orders_of(document: Path) -> Sequence[WireOrder]:
    """Return the order in a document and its refunds."""
    return list(orders_in(shop_of(document), read_document(document.read_text(encoding="utf-8"))))


@cache
def shop_orders() -> Mapping[str, WireOrder]:
    """Return all of them by their ids."""
    return {order["order_id"]: order for document in DOCUMENTS for order in orders_of(document)}


def as_new_order(order: WireOrder) -> NewOrder:
    """Return the order as a program gives it to the engine."""
    return read_order(json.dumps(order).encode(), DEFAULT_LIMITS)
