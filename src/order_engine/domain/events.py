"""The history: what happened to an order, one event per version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from order_engine.domain.order import Status

VANISHED = "vanished"
"""The reason of an end that a claim brought about: the holder's lease ended without a report."""

FINGERPRINT_DIGITS: Final = 16


class EventType(StrEnum):
    """What happened."""

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
"""An event tells the status: there is one for each type."""


class Event(NamedTuple):
    """One entry of an order's append-only history: the audit trail, the event stream and the outbox at once.

    `version` counts from 1 without a gap; `status` is the one after the event; `token` and `attempt` name the attempt
    where there is one; `reason` says why, where somebody gave a reason.
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
    """Return 16 hexadecimal digits that no other event has.

    After a restore or a promotion, versions and serial numbers are given a second time. A position in a history is
    therefore compared with the event that stood there when the position was given out, most of all with its time.
    """
    told = (event.order_id, event.version, event.type.value, event.at.isoformat(), event.token, event.attempt)
    text = "\0".join((*map(str, told), event.reason or ""))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_DIGITS]
