"""Orders and events as rows of the tables, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from order_engine.domain.attributes import Attributes
from order_engine.domain.events import STATUS_AFTER, Event, EventType
from order_engine.domain.metrics import MICROSECOND
from order_engine.domain.order import Order, OrderContent, Status, evolve, new_order

STATUSES: Final[Mapping[str, Status]] = {status.value: status for status in Status}
TYPES: Final[Mapping[str, EventType]] = {event_type.value: event_type for event_type in EventType}

LARGEST_INTEGER: Final = (1 << 63) - 1
LARGEST_VERSION: Final = (1 << 31) - 1
"""Of the columns. A limit or a version beyond means the same as these."""

items_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Kept(NamedTuple):
    """An order and its serial number in the database."""

    serial: int
    order: Order


ORDER: Final = """
c.serial, c.order_id, c.user_id, c.item_ids, c.total_amount, c.currency, c.attributes, c.created_at,
o.updated_at, o.status, o.version, o.round, o.token, o.attempts, o.failures, o.vanished, o.cancel_requested,
o.claim_id, o.lease_ends, o.due, o.processing_started_at, o.ended_at, o.failure"""
"""What `read_order` reads, of `contents AS c` and `orders AS o`."""

EVENT: Final = "c.order_id, e.version, e.type, e.at, e.token, e.attempt, e.reason"
"""What `read_event` reads, of `contents AS c` and `events AS e`."""


def storable(text: str) -> bool:
    """Whether a text can be stored: one with a NUL or half a surrogate pair cannot, so nothing has it as its id."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def microseconds(seconds: float) -> int:
    """Return a duration as the statements take it, rounded as the domain rounds it."""
    return timedelta(seconds=seconds) // MICROSECOND


def read_order(  # noqa: PLR0913, PLR0917 - as many as an order has
    serial: int,
    order_id: str,
    user_id: str,
    item_ids: str,
    total_amount: str,
    currency: str | None,
    attributes: str | None,
    created_at: datetime,
    updated_at: datetime,
    status: str,
    version: int,
    round_number: int,
    token: int,
    attempts: int,
    failures: int,
    vanished: int,
    cancel_requested: bool,  # noqa: FBT001 - a column
    claim_id: str | None,
    lease_ends: datetime | None,
    due: datetime | None,
    processing_started_at: datetime | None,
    ended_at: datetime | None,
    failure: str | None,
) -> Kept:
    """Return the order in a row of the columns ORDER."""
    content: OrderContent = {
        "order_id": order_id,
        "user_id": user_id,
        "item_ids": tuple(json.loads(item_ids)),
        "total_amount": Decimal(total_amount),
        "currency": currency,
        "attributes": None if attributes is None else Attributes(attributes),
        "created_at": created_at,
        "updated_at": updated_at,
    }
    order = evolve(
        new_order(content),
        {
            "status": STATUSES[status],
            "version": version,
            "round": round_number,
            "token": token,
            "attempts": attempts,
            "failures": failures,
            "vanished": vanished,
            "cancel_requested": cancel_requested,
            "claim_id": claim_id,
            "lease_ends": lease_ends,
            "due": due,
            "processing_started_at": processing_started_at,
            "ended_at": ended_at,
            "failure": failure,
        },
    )
    return Kept(serial, order)


def read_orders(rows: Sequence[Any]) -> list[Kept]:
    """Return the orders in rows of the columns ORDER."""
    return [read_order(*row) for row in rows]


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
