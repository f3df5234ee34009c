"""Amazon: an order of the Selling Partner API, Orders v0, with its items (`getOrder` and `getOrderItems`)."""

from __future__ import annotations

from examples.shops.reading import Document, WireOrder

NO_TOTAL = {"Amount": "0", "CurrencyCode": None}
"""An order that is not paid yet, or whose goods are free, comes without a total."""


def to_order(order: Document) -> WireOrder:
    """Return the order. The buyer's address is made up by Amazon for this order, and the only name there is."""
    total = order.get("OrderTotal", NO_TOTAL)
    return {
        "order_id": order["AmazonOrderId"],
        "user_id": order.get("BuyerInfo", {}).get("BuyerEmail") or f"guest-{order['AmazonOrderId']}",
        "item_ids": [item["SellerSKU"] for item in order["OrderItems"]],
        "total_amount": total["Amount"],
        "currency": total["CurrencyCode"],
        "attributes": {
            "marketplace": order["MarketplaceId"],
            "placed_at": order["PurchaseDate"],
            "fulfilled_by": order["FulfillmentChannel"],
            "lines": [
                {"asin": item["ASIN"], "order_item_id": item["OrderItemId"], "quantity": item["QuantityOrdered"]}
                for item in order["OrderItems"]
            ],
        },
    }
