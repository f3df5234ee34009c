"""commercetools: an order of the HTTP API."""

from __future__ import annotations

from examples.shops.reading import Document, WireOrder, in_minor_units


def to_order(order: Document) -> WireOrder:
    """Return the order. Custom lines, such as gift wrapping, are named by their slug."""
    total = order["totalPrice"]
    custom = order["customLineItems"]
    return {
        "order_id": order.get("orderNumber") or order["id"],
        "user_id": order.get("customerId") or f"guest-{order['anonymousId']}",
        "item_ids": [*(line["variant"]["sku"] for line in order["lineItems"]), *(line["slug"] for line in custom)],
        "total_amount": in_minor_units(total["centAmount"], total["fractionDigits"]),
        "currency": total["currencyCode"],
        "attributes": {
            "id": order["id"],
            "placed_at": order["createdAt"],
            "store": order.get("store", {}).get("key"),
            "lines": [
                {"sku": line["variant"]["sku"], "name": line["name"], "quantity": line["quantity"]}
                for line in order["lineItems"]
            ],
        },
    }
