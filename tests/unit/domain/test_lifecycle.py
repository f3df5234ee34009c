"""The lifecycle table: every rule can be reached by the reference function, and nothing else is legal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product

import pytest
from hypothesis import given

from order_engine.domain.commands import CLIENT_ACTIONS, REPORTS, Action, ClaimTerms, Command, Lease, Renewal
from order_engine.domain.decisions import Decision, Refusal, RefusalReason, Transition, decide
from order_engine.domain.events import STATUS_AFTER, EventType
from order_engine.domain.lifecycle import LIFECYCLE, RULES, Guard, Rule, allowed
from order_engine.domain.order import LifecycleState, Order, Status
from tests.unit.domain.strategies import (
    LEASE_SECONDS,
    NO_ROOM,
    OTHER_CONTENT,
    PLACEMENT,
    ROOM,
    START,
    Life,
    Request,
    after,
    claimed,
    lives,
    placed,
    terms,
    thorough,
    told_by,
)

TABLE = """
| action   | absent          | Pending              | Processing, leased                                    |
| place    | placed: Pending |                      |                                                       |
| claim    |                 | claimed: leased      | cancelled: Cancelled; failed: Failed; claimed: leased |
| renew    |                 |                      | no event: leased                                      |
| complete |                 |                      | completed: Completed                                  |
| retry    |                 |                      | cancelled: Cancelled; retried: not leased             |
| fail     |                 |                      | cancelled: Cancelled; failed: Failed                  |
| release  |                 |                      | cancelled: Cancelled; released: not leased            |
| cancel   |                 | cancelled: Cancelled | no event: leased; cancel_requested: leased            |
| redrive  |                 |                      |                                                       |

| action   | Processing, not leased | Failed            | Completed           | Cancelled           |
| place    |                        |                   |                     |                     |
| claim    | claimed: leased        |                   |                     |                     |
| renew    |                        |                   |                     |                     |
| complete |                        |                   | no event: Completed |                     |
| retry    | no event: not leased   |                   |                     |                     |
| fail     |                        | no event: Failed  |                     |                     |
| release  | no event: not leased   |                   |                     |                     |
| cancel   | cancelled: Cancelled   |                   |                     | no event: Cancelled |
| redrive  |                        | redriven: Pending |                     |                     |
"""
"""The published table of states and actions, one cell for each action in each state, in the order of its rules."""

SHORT = {LifecycleState.LEASED: "leased", LifecycleState.WAITING: "not leased"}


def cells(table: str) -> dict[tuple[str, str], str]:
    """Read the table into its cells that are not empty."""
    found: dict[tuple[str, str], str] = {}
    for half in table.strip().split("\n\n"):
        header, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in half.splitlines())
        for action, *row in rows:
            found |= {(action, state): cell for state, cell in zip(header[1:], row, strict=True) if cell}
    return found


def cell(rules: tuple[Rule, ...]) -> str:
    """Write the rules of one cell as the table does."""
    return "; ".join(f"{rule.event or 'no event'}: {SHORT.get(rule.becomes, rule.becomes)}" for rule in rules)


def test_the_table_is_the_published_one() -> None:
    """Cell by cell: which event an action writes in a state, and where the order stands after it."""
    assert {(str(action), str(state)): cell(rules) for (action, state), rules in RULES.items()} == cells(TABLE)


def test_the_index_holds_every_rule_once_and_in_its_order() -> None:
    """Whoever reads the index reads the table."""
    assert sorted((rule for rules in RULES.values() for rule in rules), key=LIFECYCLE.index) == list(LIFECYCLE)
    assert len(set(LIFECYCLE)) == len(LIFECYCLE)
    for (action, state), rules in RULES.items():
        assert {(rule.action, rule.state) for rule in rules} == {(action, state)}
        assert list(rules) == [rule for rule in LIFECYCLE if rule in rules]


@pytest.mark.parametrize("rule", LIFECYCLE, ids=lambda rule: f"{rule.action} {rule.state} {rule.guard}")
def test_a_rule_leads_where_its_event_says(rule: Rule) -> None:
    """The event tells the status after it; a rule without an event leaves the order where it stands."""
    if rule.event is None:
        assert rule.becomes is rule.state
    else:
        assert rule.becomes.status is STATUS_AFTER[rule.event]


def test_every_event_is_written_by_some_rule() -> None:
    """No type of event is left over."""
    assert {rule.event for rule in LIFECYCLE} == {None, *EventType}
    assert set(STATUS_AFTER) == set(EventType)


def test_an_end_is_left_by_a_redrive_of_a_failed_order_only() -> None:
    """The status never moves backwards otherwise."""
    rank = {Status.PENDING: 0, Status.PROCESSING: 1, Status.COMPLETED: 2, Status.FAILED: 2, Status.CANCELLED: 2}
    for rule in LIFECYCLE:
        if rule.action is Action.REDRIVE:
            assert (rule.state, rule.becomes) == (LifecycleState.FAILED, LifecycleState.PENDING)
        elif rule.state.status is not None and rule.becomes.status is not None:
            assert rank[rule.state.status] <= rank[rule.becomes.status]
            assert not rule.state.status.ended or rule.becomes is rule.state


# Driving every action against every standing


def orders() -> Iterator[Order | None]:
    """Go through orders in every standing, each brought there by the reference function itself."""
    yield None
    pending = placed()
    held = claimed(pending)
    asked = told_by(held, Action.CANCEL)
    taken_over = claimed(held, after(LEASE_SECONDS), terms("claim2"))
    failed = told_by(held, Action.FAIL, reason="broken")
    spent = claimed(held, after(LEASE_SECONDS), terms("claim2", max_deliveries=1))
    redriven = told_by(failed, Action.REDRIVE)
    yield from (pending, redriven)
    yield from (held, asked, taken_over, told_by(taken_over, Action.CANCEL), claimed(redriven))
    for order in (held, taken_over):
        yield told_by(order, Action.RETRY, delay=60)
        yield told_by(order, Action.RETRY)
        yield told_by(order, Action.RELEASE)
    yield from (failed, spent)
    yield from (told_by(held, Action.COMPLETE), told_by(asked, Action.COMPLETE))
    yield from (told_by(pending, Action.CANCEL), told_by(asked, Action.RELEASE), told_by(asked, Action.FAIL))


def requests(order: Order | None) -> Iterator[tuple[Action, Request]]:
    """Go through every action on an order, with tokens, versions, claims and rooms that fit and that do not."""
    token, version, claim_id = (order.token, order.version, order.claim_id) if order else (0, 1, None)
    yield Action.PLACE, PLACEMENT
    yield Action.PLACE, OTHER_CONTENT
    for claim, deliveries, room, take in product(("other", claim_id), (1, 2, 10), (ROOM, NO_ROOM), (True, False)):
        if claim is not None:
            claim_terms = terms(claim, max_deliveries=deliveries, suspects=room, take_ended_leases=take)
            yield Action.CLAIM, claim_terms
    for given_token in (token, token - 1, token + 1):
        yield Action.RENEW, Renewal(Lease(PLACEMENT.order_id, given_token), LEASE_SECONDS)
    for action, reported in product(sorted(REPORTS), (token, token - 1, token + 1, None)):
        yield action, Command(PLACEMENT.order_id, action, reported, delay=5.0, reason="because")
    for action, expected in product(CLIENT_ACTIONS, (None, version, version - 1, version + 1)):
        yield action, Command(PLACEMENT.order_id, action, expected_version=expected)
    for action in (Action.PLACE, Action.CLAIM, Action.RENEW):
        yield action, Command(PLACEMENT.order_id, action, token)


@dataclass(frozen=True, slots=True)
class Trial:
    """One request on one order, and what came of it."""

    order: Order | None
    action: Action
    request: Request
    now: datetime
    decision: Decision

    @property
    def state(self) -> LifecycleState:
        """Where the order stood."""
        return LifecycleState.ABSENT if self.order is None else self.order.state

    @property
    def rule(self) -> Rule | None:
        """The rule of the table that applies: the first whose guard holds."""
        if isinstance(self.request, Command) and self.action not in REPORTS | set(CLIENT_ACTIONS):
            return None
        rules = RULES.get((self.action, self.state), ())
        return next((rule for rule in rules if HOLDS[rule.guard](self)), None)

    def __str__(self) -> str:
        """Say what was tried."""
        return f"{self.action} on {self.state} with {self.request} at {self.now}: {self.decision}"


def _token_is_current(trial: Trial) -> bool:
    request = trial.request
    assert isinstance(request, Renewal | Command)
    given_token = request.lease.token if isinstance(request, Renewal) else request.token
    return trial.order is not None and given_token == trial.order.token


def _due(trial: Trial) -> bool:
    return trial.order is not None and (trial.order.due is None or trial.order.due <= trial.now)


def _lease_ended(trial: Trial) -> bool:
    order, request = trial.order, trial.request
    assert isinstance(request, ClaimTerms)
    if order is None or order.lease_ends is None or order.claim_id == request.claim_id:
        return False
    return order.lease_ends <= trial.now and request.take_ended_leases


def _spent(trial: Trial) -> bool:
    assert isinstance(trial.request, ClaimTerms)
    return trial.order is not None and trial.order.vanished + 1 >= trial.request.max_deliveries


def _cancel_requested(trial: Trial) -> bool:
    return trial.order is not None and trial.order.cancel_requested


HOLDS: Mapping[Guard, Callable[[Trial], bool]] = {
    Guard.VALID: lambda trial: trial.order is None,
    Guard.DUE: _due,
    Guard.LEASE_ENDED: lambda trial: _lease_ended(trial) and not _spent(trial),
    Guard.DELIVERIES_SPENT: lambda trial: _lease_ended(trial) and _spent(trial),
    Guard.LEASE_ENDED_CANCEL: lambda trial: _lease_ended(trial) and _cancel_requested(trial),
    Guard.TOKEN: _token_is_current,
    Guard.TOKEN_CANCEL: lambda trial: _token_is_current(trial) and _cancel_requested(trial),
    Guard.REPORTED: _token_is_current,
    Guard.REQUESTED: _cancel_requested,
    Guard.NONE: lambda _: True,
}
"""What each guard asks for, written down a second time."""

TRIALS = [
    Trial(order, action, request, now, decide(order, request, now))
    for order in orders()
    for action, request in requests(order)
    for now in (START, after(LEASE_SECONDS - 1), after(2 * LEASE_SECONDS), after(1000))
]


def stale(trial: Trial) -> bool:
    """Whether the request expects another version than the order's."""
    expected = trial.request.expected_version if isinstance(trial.request, Command) else None
    return trial.order is not None and expected is not None and expected != trial.order.version


def repeated_claim(trial: Trial) -> bool:
    """Whether a placing or a claim repeats what is so already: the same content, or the claim that holds the order."""
    order, request = trial.order, trial.request
    if order is None:
        return False
    if isinstance(request, ClaimTerms):
        return order.leased and order.claim_id == request.claim_id
    return request == PLACEMENT


def crowded(trial: Trial, rule: Rule) -> bool:
    """Whether the order would be handed out as a suspect to a process that has no room for it."""
    if trial.order is None or not isinstance(trial.request, ClaimTerms) or rule.becomes is not LifecycleState.LEASED:
        return False
    suspect = trial.order.vanished > 0 or trial.state is LifecycleState.LEASED
    return suspect and trial.request.suspects == NO_ROOM


def test_every_standing_is_tried() -> None:
    """The trials below mean what they say: all actions, all standings."""
    assert {(trial.action, trial.state) for trial in TRIALS} == set(product(Action, LifecycleState))


def test_every_rule_is_reached() -> None:
    """The table promises nothing that the reference function does not do."""
    reached = {trial.rule for trial in TRIALS if isinstance(trial.decision, Transition)}
    assert reached - {None} == set(LIFECYCLE)


def test_what_the_table_says_happens() -> None:
    """Wherever the first rule's guard holds, the order stands where the rule says, and its event is written."""
    for trial in TRIALS:
        rule = trial.rule
        if rule is None or stale(trial) or crowded(trial, rule):
            continue
        assert isinstance(trial.decision, Transition), trial
        written = trial.decision.event.type if trial.decision.event else None
        assert (trial.decision.order.state, written) == (rule.becomes, rule.event), trial


def test_nothing_else_happens() -> None:
    """Without a rule, or with a stale version, or without room: a refusal, or the answer of what is so already."""
    for trial in TRIALS:
        rule = trial.rule
        if repeated_claim(trial) and not isinstance(trial.request, Command):
            assert trial.decision == Transition(trial.order, None), trial  # type: ignore[arg-type]
        elif rule is None or stale(trial) or crowded(trial, rule):
            assert isinstance(trial.decision, Refusal), trial


def test_a_step_without_an_event_changes_nothing_but_a_renewed_lease() -> None:
    """No version, no time, no count: the history tells everything else."""
    for trial in TRIALS:
        if isinstance(trial.decision, Transition) and trial.decision.event is None:
            if trial.action is Action.RENEW:
                assert trial.order is not None
                assert {**vars(trial.decision.order), "lease_ends": None} == {**vars(trial.order), "lease_ends": None}
            else:
                assert trial.decision.order is trial.order, trial


def test_refusals_say_why() -> None:
    """Each refusal has the one reason that fits."""
    for trial in TRIALS:
        if isinstance(trial.decision, Refusal):
            assert trial.decision.reason is expected_reason(trial), trial


def expected_reason(trial: Trial) -> RefusalReason:
    """Return why a request is refused."""
    request = trial.request
    if trial.order is None:
        return RefusalReason.UNKNOWN
    if isinstance(request, Command):
        if stale(trial):
            return RefusalReason.STALE
        return RefusalReason.LOST if request.action in REPORTS else RefusalReason.ILLEGAL
    if isinstance(request, Renewal):
        return RefusalReason.LOST
    if isinstance(request, ClaimTerms):
        return RefusalReason.NO_ROOM if trial.rule is not None else RefusalReason.NOT_CLAIMABLE
    return RefusalReason.CONFLICT


# What is allowed


@pytest.mark.parametrize(
    ("order", "actions"),
    [
        (placed(), (Action.CANCEL,)),
        (claimed(placed()), (Action.CANCEL,)),
        (told_by(claimed(placed()), Action.RETRY, delay=5), (Action.CANCEL,)),
        (told_by(claimed(placed()), Action.CANCEL), (Action.CANCEL,)),
        (told_by(claimed(placed()), Action.FAIL), (Action.REDRIVE,)),
        (told_by(claimed(placed()), Action.COMPLETE), ()),
        (told_by(placed(), Action.CANCEL), ()),
    ],
    ids=lambda value: value.state if isinstance(value, Order) else "",
)
def test_allowed_are_the_actions_that_are_open(order: Order, actions: tuple[Action, ...]) -> None:
    """Cancel until the order has ended, redrive when it failed, and nothing else."""
    assert allowed(order) == actions


@thorough
@given(lives)
def test_allowed_is_what_the_reference_function_does(life: Life) -> None:
    """An action is allowed exactly where the reference function does not refuse it on an order that may change."""
    for step in life.steps:
        order = step.after
        assert order is not None
        decisions = {action: decide(order, Command(order.order_id, action), step.now) for action in CLIENT_ACTIONS}
        changing = [
            action
            for action, decision in decisions.items()
            if isinstance(decision, Transition) and order.status is not Status.CANCELLED
        ]
        assert list(allowed(order)) == changing
