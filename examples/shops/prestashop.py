"""PrestaShop: an order of the web service, with `output_format=JSON`."""

from __future__ import annotations

from collections.abc import Mapping

from examples.shops.reading import Document, WireOrder

CURRENCIES: Mapping[str, str] = {"1": "eur", "2": "gbp"}
"""The codes of the shop's own currency numbers, from `/api/currencies`; upper or lower case is the same."""


def to_order(export: Document) -> WireOrder:
    """Return the order. Amounts have six decimals, which are read to the last digit."""
    order = export["order"]
    return {
        "order_id": str(order["id"]),
        "user_id": str(order["id_customer"]),
        "item_ids": [_item(row) for row in order["associations"]["order_rows"]],
        "total_amount": order["total_paid_tax_incl"],
        "currency": CURRENCIES[str(order["id_currency"])],
        "attributes": {
            "reference": order["reference"],
            "placed_at": order["date_add"],
            "lines": [
                {
                    "reference": row["product_reference"],
                    "quantity": row["product_quantity"],
                    "name": row["product_name"],
                }
                for row in order["associations"]["order_rows"]
            ],
        },
    }


def _item(row: Document) -> str:
    return row["product_reference"] or f"product-{row['product_id']}-{row['product_attribute_id']}"
