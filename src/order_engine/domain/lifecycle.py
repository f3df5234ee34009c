"""Lifecycle table: all legal steps of an order.

The reference implementation, the diagram in the docs, the `allowed` field of errors and the conformance kit use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from order_engine.domain.commands import CLIENT_ACTIONS, Action
from order_engine.domain.events import EventType
from order_engine.domain.order import LifecycleState, Order


class Guard(StrEnum):
    """Condition under which a rule applies, in addition to the action and the state."""

    VALID = "the order is valid and its id unknown"
    DUE = "due"
    LEASE_ENDED = "lease ended, deliveries left"
    DELIVERIES_SPENT = "lease ended, deliveries spent"
    LEASE_ENDED_CANCEL = "lease ended, cancel requested"
    TOKEN = "token is current"  # noqa: S105 - a fencing token, not a password
    TOKEN_CANCEL = "token is current, cancel requested"  # noqa: S105 - likewise
    REPORTED = "already applied under this token"
    REQUESTED = "cancel requested before"
    NONE = "always"


class Actor(StrEnum):
    """Role that performs an action."""

    CLIENT = "client"
    WORKER = "worker"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Rule:
    """One legal step: `action` on an order in `state` leads to the state `becomes` and appends `event`.

    A rule without an event does not change the version: a repeated action, or a renewal.
    """

    action: Action
    state: LifecycleState
    becomes: LifecycleState
    event: EventType | None
    actor: Actor
    guard: Guard


_A, _S, _E, _G = Action, LifecycleState, EventType, Guard
_CLIENT, _WORKER, _OPERATOR = Actor.CLIENT, Actor.WORKER, Actor.OPERATOR

LIFECYCLE: tuple[Rule, ...] = (
    Rule(_A.PLACE, _S.ABSENT, _S.PENDING, _E.PLACED, _CLIENT, _G.VALID),
    Rule(_A.CLAIM, _S.PENDING, _S.LEASED, _E.CLAIMED, _WORKER, _G.DUE),
    Rule(_A.CLAIM, _S.WAITING, _S.LEASED, _E.CLAIMED, _WORKER, _G.DUE),
    Rule(_A.CLAIM, _S.LEASED, _S.CANCELLED, _E.CANCELLED, _WORKER, _G.LEASE_ENDED_CANCEL),
    Rule(_A.CLAIM, _S.LEASED, _S.FAILED, _E.FAILED, _WORKER, _G.DELIVERIES_SPENT),
    Rule(_A.CLAIM, _S.LEASED, _S.LEASED, _E.CLAIMED, _WORKER, _G.LEASE_ENDED),
    Rule(_A.RENEW, _S.LEASED, _S.LEASED, None, _WORKER, _G.TOKEN),
    Rule(_A.COMPLETE, _S.LEASED, _S.COMPLETED, _E.COMPLETED, _WORKER, _G.TOKEN),
    Rule(_A.COMPLETE, _S.COMPLETED, _S.COMPLETED, None, _WORKER, _G.REPORTED),
    Rule(_A.RETRY, _S.LEASED, _S.CANCELLED, _E.CANCELLED, _WORKER, _G.TOKEN_CANCEL),
    Rule(_A.RETRY, _S.LEASED, _S.WAITING, _E.RETRIED, _WORKER, _G.TOKEN),
    Rule(_A.RETRY, _S.WAITING, _S.WAITING, None, _WORKER, _G.REPORTED),
    Rule(_A.FAIL, _S.LEASED, _S.CANCELLED, _E.CANCELLED, _WORKER, _G.TOKEN_CANCEL),
    Rule(_A.FAIL, _S.LEASED, _S.FAILED, _E.FAILED, _WORKER, _G.TOKEN),
    Rule(_A.FAIL, _S.FAILED, _S.FAILED, None, _WORKER, _G.REPORTED),
    Rule(_A.RELEASE, _S.LEASED, _S.CANCELLED, _E.CANCELLED, _WORKER, _G.TOKEN_CANCEL),
    Rule(_A.RELEASE, _S.LEASED, _S.WAITING, _E.RELEASED, _WORKER, _G.TOKEN),
    Rule(_A.RELEASE, _S.WAITING, _S.WAITING, None, _WORKER, _G.REPORTED),
    Rule(_A.CANCEL, _S.PENDING, _S.CANCELLED, _E.CANCELLED, _CLIENT, _G.NONE),
    Rule(_A.CANCEL, _S.WAITING, _S.CANCELLED, _E.CANCELLED, _CLIENT, _G.NONE),
    Rule(_A.CANCEL, _S.LEASED, _S.LEASED, None, _CLIENT, _G.REQUESTED),
    Rule(_A.CANCEL, _S.LEASED, _S.LEASED, _E.CANCEL_REQUESTED, _CLIENT, _G.NONE),
    Rule(_A.CANCEL, _S.CANCELLED, _S.CANCELLED, None, _CLIENT, _G.NONE),
    Rule(_A.REDRIVE, _S.FAILED, _S.PENDING, _E.REDRIVEN, _OPERATOR, _G.NONE),
)


def _index() -> Mapping[tuple[Action, LifecycleState], tuple[Rule, ...]]:
    index: dict[tuple[Action, LifecycleState], tuple[Rule, ...]] = {}
    for rule in LIFECYCLE:
        key = (rule.action, rule.state)
        index[key] = (*index.get(key, ()), rule)
    return index


RULES: Mapping[tuple[Action, LifecycleState], tuple[Rule, ...]] = _index()
"""Rules by action and state. If there are several, the first one whose guard holds applies."""


def allowed(order: Order) -> tuple[Action, ...]:
    """Return the actions of clients and operators that are allowed in the order's state.

    Cancelling a Cancelled order succeeds and changes nothing, but is not listed as allowed.
    """
    return tuple(action for action in CLIENT_ACTIONS if _is_open(action, order.state))


def _is_open(action: Action, state: LifecycleState) -> bool:
    return any(rule.event is not None for rule in RULES.get((action, state), ()))
