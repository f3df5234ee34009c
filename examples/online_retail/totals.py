"""The figures that must come out: summed from what the engine gives back, never from what was read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from examples.online_retail.fulfilment import lines_of
from examples.online_retail.records import Record
from order_engine import Order


@dataclass(slots=True)
class Totals:
    """Counts and exact sums of one kind of record."""

    records: int = 0
    line_items: int = 0
    units: int = 0
    sum_total_amount: Decimal = Decimal("0.00")
    guest_records: int = 0
    zero_totals: int = 0
    most_line_items: int = 0
    users: set[str] = field(default_factory=set)

    def add(self, *, user_id: str, guest: bool, total_amount: Decimal, quantities: list[int]) -> None:
        """Count one record."""
        self.records += 1
        self.line_items += len(quantities)
        self.units += sum(quantities)
        self.sum_total_amount += total_amount
        self.zero_totals += total_amount == 0
        self.most_line_items = max(self.most_line_items, len(quantities))
        if guest:
            self.guest_records += 1
        else:
            self.users.add(user_id)

    def figures(self) -> dict[str, str | int]:
        """Return the figures under the names of the expected file."""
        return {
            "records": self.records,
            "line_items": self.line_items,
            "units": self.units,
            "sum_total_amount": str(self.sum_total_amount),
            "distinct_users": len(self.users),
            "guest_records": self.guest_records,
            "zero_totals": self.zero_totals,
            "most_line_items": self.most_line_items,
        }


def totals_of_orders(orders: Iterable[Order]) -> Totals:
    """Sum up orders as the engine gives them back."""
    totals = Totals()
    for order in orders:
        lines = lines_of(order)
        if [line["sku"] for line in lines] != list(order.item_ids):
            message = f"the items of {order.order_id} came back changed"
            raise ValueError(message)
        totals.add(
            user_id=order.user_id,
            guest=order.attributes is not None and order.attributes["guest"] is True,
            total_amount=order.total_amount,
            quantities=[int(str(line["quantity"])) for line in lines],
        )
    return totals


def totals_of_records(records: Iterable[Record]) -> Totals:
    """Sum up records that are no orders."""
    totals = Totals()
    for record in records:
        totals.add(
            user_id=record.user_id,
            guest=record.guest,
            total_amount=record.total_amount,
            quantities=[line.quantity for line in record.lines],
        )
    return totals
