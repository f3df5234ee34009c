"""The records of the data file: orders, and what is no order."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from order_engine import NewOrder

ORDER = "order"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice."""

    sku: str
    quantity: int
    unit_price: Decimal
    description: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One invoice of the shop: an order, or by its `kind` a cancellation or an adjustment."""

    order_id: str
    kind: str
    user_id: str
    guest: bool
    total_amount: Decimal
    currency: str
    placed_at: str
    lines: tuple[Line, ...]

    @property
    def is_order(self) -> bool:
        """Whether somebody ordered something, were it for nothing."""
        return self.kind == ORDER

    def to_order(self) -> NewOrder:
        """Return the order for the engine: what the shop knows beyond its fields travels as attributes."""
        return NewOrder(
            order_id=self.order_id,
            user_id=self.user_id,
            item_ids=[line.sku for line in self.lines],
            total_amount=self.total_amount,
            currency=self.currency,
            attributes={
                "placed_at": self.placed_at,
                "guest": self.guest,
                "lines": [_line_attributes(line) for line in self.lines],
            },
        )


def read_records(path: Path) -> Iterator[Record]:
    """Read a file of JSON lines, packed or not; amounts are read exactly."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield _record(json.loads(line))


def _record(fields: dict[str, object]) -> Record:
    lines = fields["lines"]
    if not isinstance(lines, list):
        message = f"the record {fields.get('order_id')} has no list of lines"
        raise TypeError(message)
    return Record(
        order_id=str(fields["order_id"]),
        kind=str(fields.get("kind", ORDER)),
        user_id=str(fields["user_id"]),
        guest=bool(fields.get("guest", False)),
        total_amount=Decimal(str(fields["total_amount"])),
        currency=str(fields["currency"]),
        placed_at=str(fields["placed_at"]),
        lines=tuple(_line(line) for line in lines),
    )


def _line(fields: dict[str, object]) -> Line:
    description = fields.get("description")
    return Line(
        sku=str(fields["sku"]),
        quantity=int(str(fields["quantity"])),
        unit_price=Decimal(str(fields["unit_price"])),
        description=None if description is None else str(description),
    )


def _line_attributes(line: Line) -> dict[str, str | int | None]:
    return {
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price": str(line.unit_price),
        "description": line.description,
    }
