"""Events: the history of an order, one event per version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from order_engine.domain.order import Status

VANISHED = "vanished"
"""Reason of an order that a claim ended because its lease expired without a report."""

FINGERPRINT_DIGITS: Final = 16


class EventType(StrEnum):
    """Kind of event."""

    PLACED = "placed"
    CLAIMED = "claimed"
    COMPLETED = "completed"
    RETRIED = "retried"
    FAILED = "failed"
    RELEASED = "released"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    REDRIVEN = "redriven"


STATUS_AFTER: Mapping[EventType, Status] = {
    EventType.PLACED: Status.PENDING,
    EventType.CLAIMED: Status.PROCESSING,
    EventType.COMPLETED: Status.COMPLETED,
    EventType.RETRIED: Status.PROCESSING,
    EventType.FAILED: Status.FAILED,
    EventType.RELEASED: Status.PROCESSING,
    EventType.CANCEL_REQUESTED: Status.PROCESSING,
    EventType.CANCELLED: Status.CANCELLED,
    EventType.REDRIVEN: Status.PENDING,
}
"""Status of the order after each type of event."""


class Event(NamedTuple):
    """Entry in an order's append-only history, which serves as audit trail, event stream and outbox.

    `version` counts from 1 without gaps. `status` is the status after the event. `token` and `attempt` identify the
    attempt, if any. `reason` is the given reason, if any.
    """

    order_id: str
    version: int
    type: EventType
    status: Status
    at: datetime
    token: int | None = None
    attempt: int | None = None
    reason: str | None = None


def event_fingerprint(event: Event) -> str:
    """Return 16 hexadecimal digits that identify the event.

    After a restore or a promotion, versions and serial numbers are issued again. A cursor therefore contains the
    fingerprint of its event, which differs at least by the time.
    """
    fields = (event.order_id, event.version, event.type.value, event.at.isoformat(), event.token, event.attempt)
    text = "\0".join((*map(str, fields), event.reason or ""))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_DIGITS]
