"""Replay of a history: rebuilds an order, except for the lease, the due time and the claim id."""

from __future__ import annotations

from collections.abc import Iterable

from order_engine.domain.commands import Placement
from order_engine.domain.events import VANISHED, Event, EventType
from order_engine.domain.order import NEW_ROUND, Order, StateChange, Status, evolve
from order_engine.domain.placement import first_version


def replay(placement: Placement, history: Iterable[Event]) -> Order:
    """Rebuild an order from its content and its complete history; fields that events do not record stay empty.

    Raises ValueError for an invalid history: a gap, a first event other than "placed", or a decreasing time.
    """
    order: Order | None = None
    running = False
    for event in history:
        order = _placed(placement, event) if order is None else _next(order, event, running=running)
        running = event.type is EventType.CLAIMED
    if order is None:
        message = f"the history of {placement.order_id!r} is empty"
        raise ValueError(message)
    return order


def recorded_state(order: Order) -> Order:
    """Return the order without the fields that events do not record, for comparison with a replayed order."""
    return evolve(order, {"claim_id": None, "lease_ends": None, "due": None})


def _placed(placement: Placement, event: Event) -> Order:
    if event.type is not EventType.PLACED or event.version != 1:
        message = f"a history must begin with version 1, placed, not with {event}"
        raise ValueError(message)
    return first_version(placement, event.at)


def _next(order: Order, event: Event, *, running: bool) -> Order:
    if event.version != order.version + 1 or event.at < order.updated_at:
        message = f"{event} does not follow version {order.version} of {order.updated_at}"
        raise ValueError(message)
    changes = _changes(order, event, running=running)
    step: StateChange = {"status": event.status, "version": event.version, "updated_at": event.at}
    return evolve(order, changes | step)


def _changes(order: Order, event: Event, *, running: bool) -> StateChange:
    if event.type is EventType.CLAIMED:
        return _claimed(order, event, running=running)
    changes: StateChange = {}
    if event.type is EventType.RETRIED:
        changes = {"failures": order.failures + 1, "failure": event.reason}
    elif event.type is EventType.RELEASED:
        changes = {"attempts": order.attempts - 1}
    elif event.type is EventType.CANCEL_REQUESTED:
        changes = {"cancel_requested": True}
    elif event.type is EventType.REDRIVEN:
        changes = NEW_ROUND | {"round": order.round + 1}
    elif event.type is EventType.COMPLETED:
        changes = {"ended_at": event.at, "failure": None}
    else:
        changes = _ended(order, event)
    return changes


def _claimed(order: Order, event: Event, *, running: bool) -> StateChange:
    return {
        "token": event.token or 0,
        "attempts": event.attempt or 0,
        "vanished": order.vanished + (1 if running else 0),
        "processing_started_at": order.processing_started_at or event.at,
    }


def _ended(order: Order, event: Event) -> StateChange:
    changes: StateChange = {"ended_at": event.at}
    if event.reason == VANISHED:
        changes["vanished"] = order.vanished + 1
    if event.status is Status.FAILED:
        changes["failure"] = event.reason
        if event.reason != VANISHED:
            changes["failures"] = order.failures + 1
    return changes
