"""WooCommerce: an order of the REST API, version 3, and each of its refunds."""

from __future__ import annotations

from collections.abc import Iterator

from examples.shops.reading import Document, WireOrder

GUEST = 0
"""The customer's number where nobody signed in."""


def to_order(order: Document) -> WireOrder:
    """Return the order. Where an item has no SKU, the numbers of the product and of its variation name it."""
    return {
        "order_id": str(order["id"]),
        "user_id": _customer(order),
        "item_ids": [_item(line) for line in order["line_items"]],
        "total_amount": order["total"],
        "currency": order["currency"],
        "attributes": {
            "number": order["number"],
            "placed_at": f"{order['date_created_gmt']}Z",
            "payment_method": order["payment_method"],
            "lines": [_line(line) for line in order["line_items"]],
            "fees": [{"name": fee["name"], "total": fee["total"]} for fee in order["fee_lines"]],
        },
    }


def to_refunds(order: Document) -> Iterator[WireOrder]:
    """Yield each refund as an order of its own: WooCommerce writes its total with a minus sign."""
    for refund in order["refunds"]:
        yield {
            "order_id": f"{order['id']}-refund-{refund['id']}",
            "user_id": _customer(order),
            "item_ids": [],
            "total_amount": refund["total"].removeprefix("-"),
            "currency": order["currency"],
            "attributes": {"kind": "refund", "refund_of": str(order["id"]), "note": refund["reason"]},
        }


def _customer(order: Document) -> str:
    number = order["customer_id"]
    return f"guest-{order['id']}" if number == GUEST else str(number)


def _item(line: Document) -> str:
    return line["sku"] or f"product-{line['product_id']}-{line['variation_id']}"


def _line(line: Document) -> Document:
    # The only amount that is a number.
    return {**{name: line[name] for name in ("name", "sku", "quantity", "total")}, "price": str(line["price"])}
