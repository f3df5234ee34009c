"""eBay: an order of the Fulfillment API (`getOrder`)."""

from __future__ import annotations

from examples.shops.reading import Document, WireOrder


def to_order(order: Document) -> WireOrder:
    """Return the order. A SKU is the seller's own and may be absent: then the number of the listing names the item."""
    total = order["pricingSummary"]["total"]
    return {
        "order_id": order["orderId"],
        "user_id": order["buyer"]["username"],
        "item_ids": [line.get("sku") or line["legacyItemId"] for line in order["lineItems"]],
        "total_amount": total["value"],
        "currency": total["currency"],
        "attributes": {
            "placed_at": order["creationDate"],
            "lines": [
                {"line_item_id": line["lineItemId"], "title": line["title"], "quantity": line["quantity"]}
                for line in order["lineItems"]
            ],
        },
    }
