"""Conversion of orders and events from and to rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from order_engine.domain.content.attributes import Attributes
from order_engine.domain.content.sizes import OVERHEAD_BYTES
from order_engine.domain.events import STATUS_AFTER, Event, EventType
from order_engine.domain.order import Order, Status, evolve, new_order

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Plain strings to bind: for subclasses such as enum members, `sqlite3` first looks for an adapter.
STATUS_TEXT: Final[Mapping[Status, str]] = {status: str(status.value) for status in Status}
TYPE_TEXT: Final[Mapping[EventType, str]] = {event_type: str(event_type.value) for event_type in EventType}
_STATUSES: Final[Mapping[str, Status]] = {status.value: status for status in Status}
_TYPES: Final[Mapping[str, EventType]] = {event_type.value: event_type for event_type in EventType}

_items_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


ANY_ORDER: Final = new_order({
    "order_id": "", "user_id": "", "item_ids": (), "total_amount": Decimal(0), "currency": None, "attributes": None,
    "trace_parent": None, "created_at": datetime.min.replace(tzinfo=UTC),
    "updated_at": datetime.min.replace(tzinfo=UTC),
})  # fmt: skip
"""Template of orders read from rows: every field is replaced."""


class SqliteOrder(NamedTuple):
    """An order and its serial number in the database."""

    serial: int
    order: Order


LARGEST_INTEGER: Final = (1 << 63) - 1
"""Maximum of SQLite. A larger limit or version is equivalent to it."""

NO_EVENT: Final = (None, None, None, None)

# Writing

INSERT_PLACINGS: Final = (
    "INSERT INTO placings (serial, order_id, user_id, created_at, status, version, token, claim_id, lease_ends, "
    "processing_started_at, item_ids, total_amount, currency, attributes, trace_parent) "
    "SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
)
PLACING_COLUMNS: Final = 15

INSERT_STEPS: Final = (
    "INSERT INTO steps (serial, updated_at, status, version, round, token, attempts, failures, vanished, "
    "cancel_requested, claim_id, lease_ends, due, processing_started_at, ended_at, failure, event_type, event_token, "
    "event_attempt, event_reason) SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
)
STEP_COLUMNS: Final = 20


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds since 1970."""
    since = moment - EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def moment(since: int) -> datetime:
    """Return the time of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=since)


def placing_row(kept: SqliteOrder) -> tuple[object, ...]:
    """Return the row of a new order, Pending or leased. Triggers derive its events."""
    order = kept.order
    lease_ends, started_at, attributes = order.lease_ends, order.processing_started_at, order.attributes
    return (
        kept.serial,
        order.order_id,
        order.user_id,
        microseconds(order.created_at),
        STATUS_TEXT[order.status],
        order.version,
        order.token,
        order.claim_id,
        None if lease_ends is None else microseconds(lease_ends),
        None if started_at is None else microseconds(started_at),
        _items_text(order.item_ids),
        str(order.total_amount),
        order.currency,
        None if attributes is None else attributes.text,
        order.trace_parent,
    )


def step_row(kept: SqliteOrder, event: Event | None) -> tuple[object, ...]:
    """Return the row of a step: the order's new state and its event, whose time is the order's last."""
    order = kept.order
    lease_ends, due = order.lease_ends, order.due
    started_at, ended_at = order.processing_started_at, order.ended_at
    return (
        kept.serial,
        microseconds(order.updated_at),
        STATUS_TEXT[order.status],
        order.version,
        order.round,
        order.token,
        order.attempts,
        order.failures,
        order.vanished,
        int(order.cancel_requested),
        order.claim_id,
        None if lease_ends is None else microseconds(lease_ends),
        None if due is None else microseconds(due),
        None if started_at is None else microseconds(started_at),
        None if ended_at is None else microseconds(ended_at),
        order.failure,
        *(NO_EVENT if event is None else (TYPE_TEXT[event.type], event.token, event.attempt, event.reason)),
    )


# Reading: many rows are read in one step, as one JSON text.

FIELDS: Final = (
    "order_id", "user_id", "item_ids", "total_amount", "currency", "attributes", "trace_parent", "created_at",
    "updated_at", "status", "version", "round", "token", "attempts", "failures", "vanished", "cancel_requested",
    "claim_id", "lease_ends", "due", "processing_started_at", "ended_at", "failure",
)  # fmt: skip
"""All fields of an order, named as the columns."""
TIMES: Final = ("created_at", "updated_at", "lease_ends", "due", "processing_started_at", "ended_at")

ORDERS_AS_JSON: Final = f"json_group_array(json_array({', '.join(FIELDS)}, serial))".replace(
    "item_ids", "json(item_ids)"
)
CONTENT_SIZE: Final = f"{OVERHEAD_BYTES} + length(item_ids) + ifnull(length(attributes), 0)"
"""Approximate size of an order, as in `Order.size`; characters count as bytes."""


def bounded_orders(places: str, order: str, *, descending: bool = False) -> str:
    """Return a query for the first orders of `places` within a size limit: at least one order.

    `places` is a table with a column `serial` and those of `order`. The parameter `:max_bytes` is the limit.
    `read_bounded_orders` parses the result. The content is scanned twice, but only that of the result leaves the
    database.
    """
    keys = ", ".join(f"{key} DESC" for key in order.split(", ")) if descending else order
    return (
        f"SELECT json_array(max(total), {ORDERS_AS_JSON}) FROM ("  # noqa: S608 - made of constants
        f"SELECT serial, size, sum(size) OVER (ORDER BY {keys} ROWS UNBOUNDED PRECEDING) AS upto, "
        "count(*) OVER () AS total FROM ("
        f"SELECT {order}, serial, {CONTENT_SIZE} AS size FROM {places} CROSS JOIN contents USING (serial))"
        ") CROSS JOIN orders USING (serial) CROSS JOIN contents USING (serial) "
        "WHERE upto <= :max_bytes OR upto = size"
    )


EVENTS_AS_JSON: Final = (
    "json_group_array(json_array(events.serial, order_id, events.version, type, at, events.token, attempt, reason))"
)


def read_orders(text: str) -> list[SqliteOrder]:
    """Return the orders in the result of ORDERS_AS_JSON."""
    return [_read_order(row) for row in json.loads(text)]


def bound(max_bytes: int | None) -> int:
    """Return a size limit as a parameter."""
    return LARGEST_INTEGER if max_bytes is None else min(max_bytes, LARGEST_INTEGER)


class SqliteOrderPage(NamedTuple):
    """The first orders of a result, and whether the size limit cut off more."""

    orders: list[SqliteOrder]
    more: bool


def read_bounded_orders(text: str) -> SqliteOrderPage:
    """Return the orders in the result of a query by `bounded_orders`."""
    total, rows = json.loads(text)
    return SqliteOrderPage([_read_order(row) for row in rows], len(rows) < (total or 0))


def read_events(text: str) -> tuple[list[Event], list[int]]:
    """Return the events in the result of EVENTS_AS_JSON, and their serial numbers."""
    rows: Sequence[Sequence[Any]] = json.loads(text)
    return [_read_event(*row) for row in rows], [row[0] for row in rows]


def _read_order(row: Sequence[Any]) -> SqliteOrder:
    state: Any = dict(zip(FIELDS, row, strict=False))
    state["item_ids"] = tuple(state["item_ids"])
    state["total_amount"] = Decimal(state["total_amount"])
    if state["attributes"] is not None:
        state["attributes"] = Attributes(state["attributes"])
    state["status"] = _STATUSES[state["status"]]
    state["cancel_requested"] = bool(state["cancel_requested"])
    for name in TIMES:
        if (time := state[name]) is not None:
            state[name] = moment(time)
    return SqliteOrder(row[-1], evolve(ANY_ORDER, state))


def _read_event(  # noqa: PLR0913, PLR0917 - as many as an event has
    _: int,
    order_id: str,
    version: int,
    type_text: str,
    at: int,
    token: int | None,
    attempt: int | None,
    reason: str | None,
) -> Event:
    event_type = _TYPES[type_text]
    return Event(order_id, version, event_type, STATUS_AFTER[event_type], moment(at), token, attempt, reason)
