"""Conversion of orders and events from and to rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from order_engine.domain.content.attributes import Attributes
from order_engine.domain.content.sizes import OVERHEAD_BYTES
from order_engine.domain.events import STATUS_AFTER, Event, EventType
from order_engine.domain.metrics import MICROSECOND
from order_engine.domain.order import Order, Status, evolve, new_order

STATUSES: Final[Mapping[str, Status]] = {status.value: status for status in Status}
TYPES: Final[Mapping[str, EventType]] = {event_type.value: event_type for event_type in EventType}

LARGEST_INTEGER: Final = (1 << 63) - 1
LARGEST_VERSION: Final = (1 << 31) - 1
"""Maximum of the columns. A larger limit or version is equivalent to it."""

items_text: Callable[[Sequence[str]], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


ANY_ORDER: Final = new_order({
    "order_id": "", "user_id": "", "item_ids": (), "total_amount": Decimal(0), "currency": None, "attributes": None,
    "trace_parent": None, "created_at": datetime.min.replace(tzinfo=UTC),
    "updated_at": datetime.min.replace(tzinfo=UTC),
})  # fmt: skip
"""Template of orders read from rows: every field is replaced."""


class PostgresOrder(NamedTuple):
    """An order and its serial number in the database."""

    serial: int
    order: Order


FIELDS: Final = (
    "order_id", "user_id", "item_ids", "total_amount", "currency", "attributes", "trace_parent", "created_at",
    "updated_at", "status", "version", "round", "token", "attempts", "failures", "vanished", "cancel_requested",
    "claim_id", "lease_ends", "due", "processing_started_at", "ended_at", "failure",
)  # fmt: skip
"""All fields of an order, named as the columns. The constant ones, which are in `contents`, come first."""
CONTENT_FIELDS: Final = 8

ORDER: Final = ", ".join([
    *(f"c.{name}" for name in FIELDS[:CONTENT_FIELDS]), *(f"o.{name}" for name in FIELDS[CONTENT_FIELDS:]), "c.serial"
])  # fmt: skip
"""Columns for `read_order` from `contents AS c` and `orders AS o`."""

ORDER_OF_ONE_ROW: Final = ", ".join([*(f"o.{name}" for name in FIELDS), "o.serial"])
"""The same columns from rows `o` with the columns of both tables."""
CONTENT: Final = ", ".join(f"c.{name}" for name in FIELDS[:CONTENT_FIELDS] if name != "created_at")
"""Columns only in `contents AS c`."""
CONTENT_SIZE: Final = f"({OVERHEAD_BYTES} + octet_length(c.item_ids) + coalesce(octet_length(c.attributes), 0))"
"""Approximate size of an order, as in `Order.size`. The length of a TOAST value is known without reading it."""


def upto(order: str) -> str:
    """Return the cumulative size of the orders up to each row."""
    return f"sum({CONTENT_SIZE}) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING)"


def bound(max_bytes: int | None) -> int:
    """Return a size limit as a statement argument."""
    return LARGEST_INTEGER if max_bytes is None else min(max_bytes, LARGEST_INTEGER)


EVENT: Final = "c.order_id, e.version, e.type, e.at, e.token, e.attempt, e.reason"
"""Columns for `read_event` from `contents AS c` and `events AS e`."""


def storable(text: str) -> bool:
    """Return whether a text can be stored. Texts with NUL or lone surrogates cannot, so no id contains them."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def microseconds(seconds: float) -> int:
    """Return a duration as a statement argument, rounded like in the domain."""
    return timedelta(seconds=seconds) // MICROSECOND


def read_order(row: Sequence[Any]) -> PostgresOrder:
    """Return the order in a row of the columns ORDER."""
    state: Any = dict(zip(FIELDS, row, strict=False))
    state["item_ids"] = tuple(json.loads(state["item_ids"]))
    state["total_amount"] = Decimal(state["total_amount"])
    if state["attributes"] is not None:
        state["attributes"] = Attributes(state["attributes"])
    state["status"] = STATUSES[state["status"]]
    return PostgresOrder(row[-1], evolve(ANY_ORDER, state))


def read_orders(rows: Sequence[Any]) -> list[PostgresOrder]:
    """Return the orders in rows of the columns ORDER."""
    return [read_order(row) for row in rows]


class PostgresOrderPage(NamedTuple):
    """The first orders of a result, and whether the size limit cut off more."""

    orders: list[PostgresOrder]
    more: bool


def read_bounded(rows: Sequence[Any]) -> PostgresOrderPage:
    """Return the orders in rows of the unlimited count and the columns ORDER."""
    return PostgresOrderPage(read_orders([tuple(row)[1:] for row in rows]), bool(rows) and len(rows) < rows[0][0])


def read_event(  # noqa: PLR0913, PLR0917 - as many as an event has
    order_id: str,
    version: int,
    type_text: str,
    at: datetime,
    token: int | None,
    attempt: int | None,
    reason: str | None,
) -> Event:
    """Return the event in a row of the columns EVENT."""
    event_type = TYPES[type_text]
    return Event(order_id, version, event_type, STATUS_AFTER[event_type], at, token, attempt, reason)
