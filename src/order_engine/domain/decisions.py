"""The reference function: what a command does to an order, or why it does nothing.

Memory and SQLite call it inside their transactions; a repository that says the same in its own statements is held to
it by the conformance kit. It is pure: no clock, no chance, no input or output.
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
    """Why a command does nothing."""

    UNKNOWN = "unknown"
    """No order has this id."""
    CONFLICT = "conflict"
    """The id is taken by an order with other content."""
    STALE = "stale"
    """The order is not at the expected version."""
    ILLEGAL = "illegal"
    """The table has no rule for this action here."""
    LOST = "lost"
    """The token is not current: the attempt was superseded, reported on, or cancelled."""
    NOT_CLAIMABLE = "not claimable"
    """Not due, ended, or held under a lease that has not ended."""
    NO_ROOM = "no room"
    """A suspect that would exceed the company it may run in."""
    BUSY = "busy"
    """The order is locked by another transaction. Only a repository finds that; the same command may be made again."""


class Transition(NamedTuple):
    """What a command makes of an order. Without an event nothing that the history tells has changed."""

    order: Order
    event: Event | None


class Refusal(NamedTuple):
    """Nothing changes, for this reason."""

    reason: RefusalReason


Decision: TypeAlias = Transition | Refusal

_REFUSED = {reason: Refusal(reason) for reason in RefusalReason}


def decide(order: Order | None, command: Placement | ClaimTerms | Renewal | Command, now: datetime) -> Decision:
    """Return what `command` does to `order` (None: no such order) at the repository's time `now`."""
    if isinstance(command, Command):
        return act(order, command, now)
    if isinstance(command, Placement):
        return place(order, command, now)
    if isinstance(command, ClaimTerms):
        return _REFUSED[RefusalReason.UNKNOWN] if order is None else claim(order, command, now)
    return renew(order, command, now)


def place(order: Order | None, placement: Placement, now: datetime) -> Decision:
    """Make the order, or recognise it: the same content again changes nothing, other content is a conflict (P4)."""
    if order is not None:
        return Transition(order, None) if same_content(order, placement) else _REFUSED[RefusalReason.CONFLICT]
    placed = Event(placement.order_id, 1, EventType.PLACED, Status.PENDING, now)
    return Transition(first_version(placement, now), placed)


def claim(order: Order, terms: ClaimTerms, now: datetime, token_floor: int = 0) -> Decision:
    """Hand the order to a worker under a new token, or end it where its deliveries are spent.

    The token is above `token_floor` too: a repository that may forget its last claims, as after a fail-over, raises it
    then above every token that it may have given before.

    Asked again with the same `claim_id` while that claim still holds the order, nothing changes.
    """
    if order.lease_ends is not None:
        if order.claim_id == terms.claim_id:
            return Transition(order, None)
        if order.lease_ends > now or not terms.take_ended_leases:
            return _REFUSED[RefusalReason.NOT_CLAIMABLE]
        if (order.order_id, order.token) in terms.running:
            # A clock that is set forward ends every lease. The claimant knows better of its own.
            return _REFUSED[RefusalReason.NOT_CLAIMABLE]
        return _take_over(order, terms, now, token_floor)
    if order.status.ended or (order.due is not None and order.due > now):
        return _REFUSED[RefusalReason.NOT_CLAIMABLE]
    return _hand_out(order, terms, order.vanished, now, token_floor)


def renew(order: Order | None, renewal: Renewal, now: datetime) -> Decision:
    """Give the holder's lease `seconds` from now. A late renewal holds as long as nobody took the order."""
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
    """Decide on an order whose holder was not heard of until its lease ended. The order of these rules binds."""
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
"""What an action changes, beyond the status, the version and the times that every event changes."""


def _change(order: Order, event_type: EventType, effect: StateChange, now: datetime, reason: str | None) -> Decision:
    """Make the next version, adding to `effect`. The event names the attempt if there was one under way."""
    at = max(now, order.updated_at)
    status = STATUS_AFTER[event_type]
    version = order.version + 1
    effect |= {"status": status, "version": version, "updated_at": at}
    if status in ENDED:
        effect |= {"lease_ends": None, "due": None, "ended_at": at}
    token, attempt = (order.token, order.attempts) if order.lease_ends is not None else (None, None)
    event = Event(order.order_id, version, event_type, status, at, token, attempt, reason)
    return Transition(evolve(order, effect), event)
