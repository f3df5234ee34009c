"""The shop's own work on one order."""

from __future__ import annotations

from decimal import Decimal

from order_engine import Order, Rejected


async def fulfil(order: Order) -> None:
    """Check the invoice exactly; reject a wrong one."""
    due = sum((Decimal(str(line["unit_price"])) * int(str(line["quantity"])) for line in lines_of(order)), Decimal(0))
    if due != order.total_amount:
        message = f"the lines of {order.order_id} come to {due}, the order says {order.total_amount}"
        raise Rejected(message)


def lines_of(order: Order) -> list[dict[str, object]]:
    """Return the order's lines as its attributes carry them."""
    attributes = order.attributes.to_dict() if order.attributes is not None else {}
    lines = attributes.get("lines")
    return [dict(line) for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
