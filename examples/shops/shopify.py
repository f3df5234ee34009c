"""Shopify: an order of the REST Admin API, and each of its refunds."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from examples.shops.reading import Document, WireOrder


def to_order(order: Document) -> WireOrder:
    """Return the order. Gift cards are sent by email, so an order of nothing else has no item to fetch."""
    return {
        "order_id": str(order["id"]),
        "user_id": _customer(order),
        "item_ids": [_item(line) for line in order["line_items"] if not line["gift_card"]],
        "total_amount": order["total_price"],
        "currency": order["currency"],
        "attributes": {
            "name": order["name"],
            "placed_at": order["created_at"],
            "lines": [_line(line) for line in order["line_items"]],
        },
    }


def to_refunds(order: Document) -> Iterator[WireOrder]:
    """Yield each refund as an order of its own: what was paid back, and for which order."""
    for refund in order["refunds"]:
        paid_back = [each for each in refund["transactions"] if each["kind"] == "refund"]
        yield {
            "order_id": f"{order['id']}-refund-{refund['id']}",
            "user_id": _customer(order),
            "item_ids": [_item(each["line_item"]) for each in refund["refund_line_items"]],
            "total_amount": str(sum((Decimal(each["amount"]) for each in paid_back), Decimal(0))),
            "currency": order["currency"],
            "attributes": {"kind": "refund", "refund_of": str(order["id"]), "note": refund["note"]},
        }


def _customer(order: Document) -> str:
    """Return the customer's number as text; an order at a till has none."""
    customer = order["customer"]
    return f"guest-{order['id']}" if customer is None else str(customer["id"])


def _item(line: Document) -> str:
    return line["sku"] or f"variant-{line['variant_id']}"


def _line(line: Document) -> Document:
    return {name: line[name] for name in ("title", "sku", "quantity", "price", "gift_card")}
