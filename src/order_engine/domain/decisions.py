"""Reference implementation of all commands: the next version of an order, or the reason for a refusal.

The memory and SQLite repositories call it inside their transactions. The conformance kit compares it with repositories
that implement the rules in their own statements. It is pure: no clock, no randomness, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from order_engine.domain.commands import CLIENT_ACTIONS, REPORTS, ClaimTerms, Command, Placement, Renewal
from order_engine.domain.events import STATUS_AFTER, VANISHED, Event, EventType
from order_engine.domain.lifecycle import RULES, Guard, Rule
from order_engine.domain.order import ENDED, NEW_ROUND, Order, StateChange, Status, evolve
from order_engine.domain.placement import first_version, same_content


class RefusalReason(StrEnum):
    """Why a command was refused."""

    UNKNOWN = "unknown"
    """No order has this id."""
    CONFLICT = "conflict"
    """An order with this id and different content exists."""
    STALE = "stale"
    """The order is not at the expected version."""
    ILLEGAL = "illegal"
    """The lifecycle table has no rule for this action in the order's state."""
    LOST = "lost"
    """The token is not current: the attempt was superseded, reported or cancelled."""
    NOT_CLAIMABLE = "not claimable"
    """The order is not due, has ended, or is leased."""
    NO_ROOM = "no room"
    """The order is a suspect, and the process may not run one more."""
    BUSY = "busy"
    """The order is locked by another transaction. Only repositories return this; the command may be retried."""


class Transition(NamedTuple):
    """Result of an accepted command. Without an event, nothing recorded in the history has changed."""

    order: Order
    event: Event | None


class Refusal(NamedTuple):
    """Result of a refused command, which changes nothing."""

    reason: RefusalReason


Decision: TypeAlias = Transition | Refusal

_REFUSED = {reason: Refusal(reason) for reason in RefusalReason}


def decide(order: Order | None, command: Placement | ClaimTerms | Renewal | Command, now: datetime) -> Decision:
    """Return the result of `command` for `order` (None: no such order) at the repository's time `now`."""
    if isinstance(command, Command):
        return act(order, command, now)
    if isinstance(command, Placement):
        return place(order, command, now)
    if isinstance(command, ClaimTerms):
        return _REFUSED[RefusalReason.UNKNOWN] if order is None else claim(order, command, now)
    return renew(order, command, now)


def place(order: Order | None, placement: Placement, now: datetime) -> Decision:
    """Create the order. If it exists, the same content changes nothing, and different content is a conflict (P4)."""
    if order is not None:
        return Transition(order, None) if same_content(order, placement) else _REFUSED[RefusalReason.CONFLICT]
    placed = Event(placement.order_id, 1, EventType.PLACED, Status.PENDING, now)
    return Transition(first_version(placement, now), placed)


def claim(order: Order, terms: ClaimTerms, now: datetime, token_floor: int = 0) -> Decision:
    """Lease the order to a worker under a new token, or end it if its deliveries are exhausted.

    The new token is higher than `token_floor`. A repository that may lose its last claims, for example in a fail-over,
    raises the floor above every token that it may have issued before.

    Repeating a claim with the same `claim_id` changes nothing while that claim leases the order.
    """
    if order.lease_ends is not None:
        if order.claim_id == terms.claim_id:
            return Transition(order, None)
        if order.lease_ends > now or not terms.take_ended_leases:
            return _REFUSED[RefusalReason.NOT_CLAIMABLE]
        if (order.order_id, order.token) in terms.running:
            # A clock that was set forward expires every lease. The claiming process knows that its own are in use.
            return _REFUSED[RefusalReason.NOT_CLAIMABLE]
        return _take_over(order, terms, now, token_floor)
    if order.status.ended or (order.due is not None and order.due > now):
        return _REFUSED[RefusalReason.NOT_CLAIMABLE]
    return _hand_out(order, terms, order.vanished, now, token_floor)


def renew(order: Order | None, renewal: Renewal, now: datetime) -> Decision:
    """Extend the lease to `seconds` from now. A late renewal succeeds unless another claim took the order."""
    if order is None:
        return _REFUSED[RefusalReason.UNKNOWN]
    if order.lease_ends is None or order.token != renewal.lease.token:
        return _REFUSED[RefusalReason.LOST]
    return Transition(evolve(order, {"lease_ends": now + timedelta(seconds=renewal.seconds)}), None)


def act(order: Order | None, command: Command, now: datetime) -> Decision:
    """Apply a worker's report or a client's action."""
    if order is None:
        return _REFUSED[RefusalReason.UNKNOWN]
    if command.expected_version is not None and command.expected_version != order.version:
        return _REFUSED[RefusalReason.STALE]
    for rule in _STEPS.get((command.action, order.state), ()):
        if _GUARDS[rule.guard](order, command):
            return _follow(order, rule, command, now)
    return _REFUSED[RefusalReason.LOST if command.action in REPORTS else RefusalReason.ILLEGAL]


_STEPS = {key: rules for key, rules in RULES.items() if key[0] in REPORTS or key[0] in CLIENT_ACTIONS}


def _token_is_current(order: Order, command: Command) -> bool:
    return command.token == order.token


_GUARDS: Mapping[Guard, Callable[[Order, Command], bool]] = {
    Guard.TOKEN: _token_is_current,
    Guard.TOKEN_CANCEL: lambda order, command: order.cancel_requested and _token_is_current(order, command),
    Guard.REPORTED: _token_is_current,
    Guard.REQUESTED: lambda order, _: order.cancel_requested,
    Guard.NONE: lambda _, __: True,
}


def _take_over(order: Order, terms: ClaimTerms, now: datetime, token_floor: int) -> Decision:
    """Decide on an order whose lease expired without a report. The order of these rules is binding."""
    vanished = order.vanished + 1
    if order.cancel_requested:
        return _change(order, EventType.CANCELLED, {"vanished": vanished}, now, VANISHED)
    if vanished >= terms.max_deliveries:
        changes: StateChange = {"vanished": vanished, "failure": VANISHED}
        return _change(order, EventType.FAILED, changes, now, VANISHED)
    return _hand_out(order, terms, vanished, now, token_floor)


def _hand_out(order: Order, terms: ClaimTerms, vanished: int, now: datetime, token_floor: int) -> Decision:
    if vanished and not terms.suspects.admits(vanished):
        return _REFUSED[RefusalReason.NO_ROOM]
    at = max(now, order.updated_at)
    version, token, attempt = order.version + 1, max(order.token, token_floor) + 1, order.attempts + 1
    changes: StateChange = {
        "status": Status.PROCESSING,
        "version": version,
        "token": token,
        "attempts": attempt,
        "vanished": vanished,
        "claim_id": terms.claim_id,
        "lease_ends": now + timedelta(seconds=terms.lease_seconds),
        "due": None,
        "updated_at": at,
        "processing_started_at": order.processing_started_at or at,
    }
    event = Event(order.order_id, version, EventType.CLAIMED, Status.PROCESSING, at, token, attempt)
    return Transition(evolve(order, changes), event)


def _follow(order: Order, rule: Rule, command: Command, now: datetime) -> Decision:
    if rule.event is None:
        return Transition(order, None)
    return _change(order, rule.event, _EFFECTS[rule.event](order, command, now), now, command.reason)


_EFFECTS: Mapping[EventType, Callable[[Order, Command, datetime], StateChange]] = {
    EventType.COMPLETED: lambda _order, _command, _now: {"failure": None},
    EventType.RETRIED: lambda order, command, now: {
        "lease_ends": None,
        "due": now + timedelta(seconds=command.delay),
        "failures": order.failures + 1,
        "failure": command.reason,
    },
    EventType.FAILED: lambda order, command, _now: {"failures": order.failures + 1, "failure": command.reason},
    EventType.RELEASED: lambda order, _command, _now: {"lease_ends": None, "attempts": order.attempts - 1},
    EventType.CANCEL_REQUESTED: lambda _order, _command, _now: {"cancel_requested": True},
    EventType.CANCELLED: lambda _order, _command, _now: {},
    EventType.REDRIVEN: lambda order, _command, _now: NEW_ROUND | {"round": order.round + 1},
}
"""Changes of each action, in addition to the status, version and times that every event changes."""


def _change(order: Order, event_type: EventType, effect: StateChange, now: datetime, reason: str | None) -> Decision:
    """Return the next version with `effect`. The event names the attempt, if one was in progress."""
    at = max(now, order.updated_at)
    status = STATUS_AFTER[event_type]
    version = order.version + 1
    effect |= {"status": status, "version": version, "updated_at": at}
    if status in ENDED:
        effect |= {"lease_ends": None, "due": None, "ended_at": at}
    token, attempt = (order.token, order.attempts) if order.lease_ends is not None else (None, None)
    event = Event(order.order_id, version, event_type, status, at, token, attempt, reason)
    return Transition(evolve(order, effect), event)
