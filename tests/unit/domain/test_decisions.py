"""The reference function: what holds over any life of an order, whatever is asked of it and whatever the clock says."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.commands import CLIENT_ACTIONS, REPORTS, Action, Command, Lease, Renewal
from order_engine.domain.decisions import RefusalReason, Transition, act, claim, decide
from order_engine.domain.events import STATUS_AFTER, VANISHED, EventType
from order_engine.domain.order import LifecycleState, Order, Status
from tests.unit.domain.strategies import (
    LEASE_SECONDS,
    NO_ROOM,
    OTHER_CONTENT,
    PLACEMENT,
    START,
    Life,
    after,
    claimed,
    lives,
    must,
    placed,
    refused,
    terms,
    thorough,
    told_by,
)

# Over any life


@thorough
@given(lives)
def test_versions_are_contiguous(life: Life) -> None:
    """The first event is version 1, each one after it one more, and the order is at the last one's version (P3)."""
    assert [event.version for event in life.events] == list(range(1, life.order.version + 1))


@thorough
@given(lives)
def test_a_version_comes_with_exactly_one_event(life: Life) -> None:
    """A step with an event adds one to the version; one without, or a refused one, adds none."""
    for step in life.steps[1:]:
        assert step.before is not None
        assert step.after is not None
        assert step.after.version == step.before.version + (step.event is not None)
        if step.event is not None:
            assert (step.event.order_id, step.event.version) == (life.placement.order_id, step.after.version)
            assert (step.event.status, step.event.at) == (step.after.status, step.after.updated_at)
            assert STATUS_AFTER[step.event.type] is step.event.status


@thorough
@given(lives)
def test_tokens_rise_with_every_claim_and_never_start_again(life: Life) -> None:
    """1, 2, 3, …: also over redrives; no two attempts share one (P2)."""
    tokens = [event.token for event in life.events if event.type is EventType.CLAIMED]
    assert tokens == list(range(1, life.order.token + 1))


@thorough
@given(lives)
def test_a_round_ends_at_most_once(life: Life) -> None:
    """One terminal event for each round, and nothing between it and a redrive (P3)."""
    ended = False
    for event in life.events:
        assert ended == (event.type is EventType.REDRIVEN)
        ended = event.status.ended
    assert life.order.round == 1 + sum(event.type is EventType.REDRIVEN for event in life.events)


@thorough
@given(lives)
def test_times_never_run_backwards(life: Life) -> None:
    """Also where the clock was set back by an hour: an event is stamped no earlier than the one before it."""
    times = [event.at for event in life.events]
    assert times == sorted(times)
    order = life.order
    assert order.created_at == times[0]
    assert order.updated_at == times[-1]
    if order.processing_started_at is not None:
        assert order.created_at <= order.processing_started_at <= order.updated_at
    if order.ended_at is not None:
        assert (order.processing_started_at or order.created_at) <= order.ended_at <= order.updated_at


@thorough
@given(lives)
def test_a_decision_is_pure(life: Life) -> None:
    """The same order, request and time lead to the same decision, and none of them is changed by it."""
    for step in life.steps:
        before, request = copy.deepcopy((step.before, step.request))
        assert decide(step.before, step.request, step.now) == step.decision
        assert decide(before, request, step.now) == step.decision
        assert (step.before, step.request) == (before, request)


@thorough
@given(lives)
def test_the_content_stays_what_was_placed(life: Life) -> None:
    """Whatever happens to an order, nobody touches what the client ordered."""
    order, placement = life.order, life.placement
    for name in ("order_id", "user_id", "item_ids", "total_amount", "currency", "attributes"):
        assert getattr(order, name) == getattr(placement, name)
    assert order.total_amount.as_tuple() == placement.total_amount.as_tuple()


@thorough
@given(lives)
def test_the_stored_state_is_consistent(life: Life) -> None:
    """At every version: who holds, what is due, what ended, and what is counted fit together."""
    for step in life.steps:
        order = step.after
        assert order is not None
        assert order.leased <= (order.status is Status.PROCESSING)
        assert (order.due is not None) <= (order.state is LifecycleState.WAITING)
        assert (order.ended_at is not None) == order.status.ended
        assert (order.processing_started_at is None) <= (order.status in {Status.PENDING, Status.CANCELLED})
        assert 0 <= order.failures + order.vanished <= order.attempts <= order.token
        assert order.cancel_requested <= (
            order.state in {LifecycleState.LEASED, LifecycleState.COMPLETED, LifecycleState.CANCELLED}
        )
        assert (order.claim_id is None) == (order.token == 0)


@thorough
@given(lives)
def test_an_event_names_the_attempt_that_was_under_way(life: Life) -> None:
    """Token and attempt are there exactly where somebody held the order, or holds it now."""
    for step in life.steps:
        if step.event is None or step.after is None:
            continue
        if step.event.type is EventType.CLAIMED:
            expected: tuple[int | None, int | None] = (step.after.token, step.after.attempts)
        elif step.before is not None and step.before.leased:
            expected = (step.before.token, step.before.attempts)
        else:
            expected = (None, None)
        assert (step.event.token, step.event.attempt) == expected


@thorough
@given(lives)
def test_a_superseded_token_never_changes_anything(life: Life) -> None:
    """Whatever a worker reports that lost its order, it is refused as lost (P2)."""
    for step in life.steps:
        order = step.after
        assert order is not None
        for action in REPORTS:
            assert refused(act(order, Command(order.order_id, action, order.token - 1), step.now)) is RefusalReason.LOST
        late = Renewal(Lease(order.order_id, order.token - 1), LEASE_SECONDS)
        assert refused(decide(order, late, step.now)) is RefusalReason.LOST


@thorough
@given(lives, st.sampled_from(sorted(REPORTS)))
def test_a_report_may_be_made_again(life: Life, action: Action) -> None:
    """A report whose answer was lost is answered as applied, and applied once only."""
    for step in life.steps:
        if not isinstance(step.request, Command) or step.request.action is not action or step.event is None:
            continue
        if step.event.type is EventType.CANCELLED:
            continue
        assert decide(step.after, step.request, step.now + timedelta(hours=1)) == Transition(step.after, None)  # type: ignore[arg-type]


@thorough
@given(lives)
def test_placing_and_claiming_may_be_made_again(life: Life) -> None:
    """The same content, and the claim that holds the order, change nothing the second time (P4)."""
    order, now = life.order, life.steps[-1].now
    assert decide(order, life.placement, now) == Transition(order, None)
    if order.leased and order.claim_id is not None:
        assert decide(order, terms(order.claim_id, max_deliveries=1, suspects=NO_ROOM), now) == Transition(order, None)


# Placing


def test_a_placed_order_is_pending_and_nobody_has_touched_it() -> None:
    """Version 1, round 1, no token, due at once, and one event that says so."""
    decision = decide(None, PLACEMENT, START)
    assert isinstance(decision, Transition)
    assert decision.event is not None
    assert (decision.event.type, decision.event.version, decision.event.at) == (EventType.PLACED, 1, START)
    assert (decision.event.token, decision.event.attempt, decision.event.reason) == (None, None, None)
    assert decision.order == Order(
        order_id="order1",
        user_id="user1",
        item_ids=("item1", "item2"),
        total_amount=PLACEMENT.total_amount,
        currency=None,
        attributes=None,
        created_at=START,
        updated_at=START,
    )


def test_other_content_under_the_id_is_a_conflict() -> None:
    """It changes nothing, in whatever standing the order is."""
    assert refused(decide(placed(), OTHER_CONTENT, START)) is RefusalReason.CONFLICT


@pytest.mark.parametrize("action", sorted((*REPORTS, *CLIENT_ACTIONS)))
def test_no_action_makes_an_order(action: Action) -> None:
    """An unknown id is refused as unknown."""
    assert refused(decide(None, Command("order1", action, 0), START)) is RefusalReason.UNKNOWN


# Claiming and renewing


def test_a_lease_ends_when_it_ends() -> None:
    """Not before the last microsecond is over; at that very moment others may take the order."""
    held = claimed(placed())
    assert held.lease_ends == after(LEASE_SECONDS)
    assert refused(decide(held, terms("claim2"), after(LEASE_SECONDS - 0.000001))) is RefusalReason.NOT_CLAIMABLE
    assert claimed(held, after(LEASE_SECONDS), terms("claim2")).claim_id == "claim2"


def test_a_retry_is_due_when_it_is_due() -> None:
    """Not before the delay is over, and from that very moment on."""
    waiting = told_by(claimed(placed()), Action.RETRY, delay=60)
    assert refused(decide(waiting, terms(), after(59.999999))) is RefusalReason.NOT_CLAIMABLE
    assert claimed(waiting, after(60)).leased


def test_a_clock_that_was_set_back_does_not_put_off_an_order_that_waits_for_nothing() -> None:
    """Placed, released and redriven orders are due at once, not from a time of day on."""
    held = claimed(placed())
    for order in (placed(), told_by(held, Action.RELEASE), told_by(told_by(held, Action.FAIL), Action.REDRIVE)):
        assert claimed(order, after(-3600)).leased


def test_a_claim_counts_an_attempt_and_a_release_takes_it_back() -> None:
    """A worker that drains has not tried; the token rises all the same."""
    released = told_by(claimed(placed()), Action.RELEASE)
    assert (released.attempts, released.token) == (0, 1)
    again = claimed(released)
    assert (again.attempts, again.token, again.failures, again.vanished) == (1, 2, 0, 0)


def test_the_first_claim_of_the_round_is_when_processing_started() -> None:
    """Later attempts do not move it; a new round has its own."""
    first = claimed(placed(), after(1))
    second = claimed(told_by(first, Action.RETRY, after(2)), after(3))
    assert second.processing_started_at == after(1)
    redriven = told_by(told_by(second, Action.FAIL, after(4)), Action.REDRIVE, after(5))
    assert redriven.processing_started_at is None
    assert claimed(redriven, after(6)).processing_started_at == after(6)


def test_after_an_outage_orders_that_somebody_held_are_left_alone() -> None:
    """Their holders could not renew; other orders are taken as ever."""
    cautious = terms("claim2", take_ended_leases=False)
    assert refused(decide(claimed(placed()), cautious, after(1000))) is RefusalReason.NOT_CLAIMABLE
    assert claimed(placed(), after(1000), cautious).leased


def test_a_claim_that_meets_an_ended_lease_decides_in_the_published_order() -> None:
    """Cancel requested before deliveries spent, deliveries spent before room for suspects."""
    held = claimed(placed())
    asked = told_by(held, Action.CANCEL)
    narrow = terms("claim2", max_deliveries=1, suspects=NO_ROOM)
    cancelled = claimed(asked, after(LEASE_SECONDS), narrow)
    failed = claimed(held, after(LEASE_SECONDS), narrow)
    assert (cancelled.status, cancelled.vanished, cancelled.failure) == (Status.CANCELLED, 1, None)
    assert (failed.status, failed.vanished, failed.failure, failed.failures) == (Status.FAILED, 1, VANISHED, 0)
    crowded = terms("claim2", suspects=NO_ROOM)
    assert refused(decide(held, crowded, after(LEASE_SECONDS))) is RefusalReason.NO_ROOM
    assert claimed(held, after(LEASE_SECONDS), terms("claim2")).vanished == 1


def test_the_end_that_a_claim_brings_about_is_told_under_the_lost_token() -> None:
    """The history says which attempt it was that nobody heard of again."""
    decision = decide(claimed(placed()), terms("claim2", max_deliveries=1), after(LEASE_SECONDS))
    assert isinstance(decision, Transition)
    assert decision.event is not None
    assert (decision.event.type, decision.event.reason) == (EventType.FAILED, VANISHED)
    assert (decision.event.token, decision.event.attempt) == (1, 1)


@pytest.mark.parametrize(("cap", "claims"), [(1, 1), (2, 2), (10, 10)])
def test_an_order_whose_attempts_vanish_ends_at_the_cap(cap: int, claims: int) -> None:
    """As many attempts as the cap says, then Failed, without anybody's help."""
    order, serial = claimed(placed()), 1
    while order.leased:
        serial += 1
        order = claimed(order, after(serial * LEASE_SECONDS), terms(f"claim{serial}", max_deliveries=cap))
    assert (order.status, order.attempts, order.vanished) == (Status.FAILED, claims, cap)


def test_a_late_renewal_and_a_late_report_hold_as_long_as_nobody_took_the_order() -> None:
    """The end of the lease alone does not end the token."""
    held = claimed(placed())
    renewed = must(decide(held, Renewal(Lease("order1", 1), LEASE_SECONDS), after(1000)))
    assert (renewed.lease_ends, renewed.version) == (after(1000 + LEASE_SECONDS), held.version)
    assert told_by(held, Action.COMPLETE, after(1000)).status is Status.COMPLETED


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 1000.0])
def test_a_renewal_counts_from_now(seconds: float) -> None:
    """Not from the lease's old end, and not from the claim."""
    renewed = must(decide(claimed(placed()), Renewal(Lease("order1", 1), 10.0), after(seconds)))
    assert renewed.lease_ends == after(seconds + 10)


# Reports and clients' actions


def test_complete_ends_the_order() -> None:
    """The failure of an earlier attempt is no longer the order's."""
    second = claimed(told_by(claimed(placed()), Action.RETRY, reason="broken"), after(1))
    completed = told_by(second, Action.COMPLETE, after(2))
    assert (completed.status, completed.ended_at, completed.failure) == (Status.COMPLETED, after(2), None)
    assert (completed.attempts, completed.failures) == (2, 1)


def test_retry_keeps_the_reason_and_counts_a_failure() -> None:
    """The order shows why its last attempt failed while it waits for the next."""
    waiting = told_by(claimed(placed()), Action.RETRY, after(1), delay=2.5, reason="broken")
    assert (waiting.status, waiting.failure, waiting.failures) == (Status.PROCESSING, "broken", 1)
    assert waiting.due == after(3.5)


def test_fail_ends_the_order_with_its_reason() -> None:
    """It counts as a failure of the attempt."""
    failed = told_by(claimed(placed()), Action.FAIL, after(1), reason="never")
    assert (failed.status, failed.failure, failed.failures, failed.ended_at) == (Status.FAILED, "never", 1, after(1))


@pytest.mark.parametrize("action", [Action.RETRY, Action.FAIL, Action.RELEASE])
def test_a_requested_cancel_wins_over_every_report_but_completion(action: Action) -> None:
    """Whatever the worker reports that was told to stop, the order is Cancelled; completed work stays completed."""
    asked = told_by(claimed(placed()), Action.CANCEL)
    assert told_by(asked, action, delay=60).status is Status.CANCELLED
    assert told_by(asked, Action.COMPLETE).status is Status.COMPLETED


def test_cancelling_again_changes_nothing_and_succeeds() -> None:
    """While it is asked for, and after it was done."""
    asked = told_by(claimed(placed()), Action.CANCEL)
    cancelled = told_by(placed(), Action.CANCEL)
    for order in (asked, cancelled):
        assert decide(order, Command("order1", Action.CANCEL), after(5)) == Transition(order, None)


def test_a_redrive_starts_a_new_round() -> None:
    """Attempts, failures and vanished attempts start again; the token, the version and the history go on."""
    vanished_once = claimed(claimed(placed()), after(LEASE_SECONDS), terms("claim2"))
    waiting = told_by(vanished_once, Action.RETRY, after(40))
    failed = told_by(claimed(waiting, after(41)), Action.FAIL, after(42), reason="never")
    assert (failed.attempts, failed.failures, failed.vanished, failed.token) == (3, 2, 1, 3)
    redriven = told_by(failed, Action.REDRIVE, after(43))
    assert (redriven.attempts, redriven.failures, redriven.vanished, redriven.round) == (0, 0, 0, 2)
    assert (redriven.status, redriven.failure, redriven.ended_at) == (Status.PENDING, None, None)
    assert (redriven.token, redriven.version) == (3, failed.version + 1)
    assert claimed(redriven, after(44)).token == 4


@pytest.mark.parametrize("before", [placed(), claimed(placed()), told_by(claimed(placed()), Action.RELEASE)])
@pytest.mark.parametrize("floor", [0, 1, 2, 2**21])
def test_a_token_is_above_the_last_one_and_above_the_floor(before: Order, floor: int) -> None:
    """Whichever of the two is higher; the event names the same token. Nothing else depends on the floor."""
    now = after(LEASE_SECONDS)
    plain, raised = claim(before, terms("claim2"), now), claim(before, terms("claim2"), now, floor)
    assert isinstance(plain, Transition)
    assert isinstance(raised, Transition)
    token = max(before.token, floor) + 1
    assert raised.order == replace(plain.order, token=token)
    assert plain.event is not None
    assert raised.event == plain.event._replace(token=token)


@pytest.mark.parametrize("action", CLIENT_ACTIONS)
def test_a_client_that_expects_another_version_is_refused_before_anything_else(action: Action) -> None:
    """If-Match is about the order the client has seen, also where the action would be illegal or change nothing."""
    for order in (placed(), claimed(placed()), told_by(placed(), Action.CANCEL)):
        stale = Command("order1", action, expected_version=order.version + 1)
        assert refused(decide(order, stale, START)) is RefusalReason.STALE


def test_a_worker_without_a_token_is_refused() -> None:
    """None is no token, not even before the first claim."""
    for order in (placed(), claimed(placed())):
        for action in REPORTS:
            assert refused(decide(order, Command("order1", action), START)) is RefusalReason.LOST


@pytest.mark.parametrize("action", [Action.PLACE, Action.CLAIM, Action.RENEW])
def test_a_command_is_a_report_or_a_clients_action(action: Action) -> None:
    """Placing, claiming and renewing have values of their own; as a command they are illegal in every standing."""
    for order in (placed(), claimed(placed()), told_by(placed(), Action.CANCEL)):
        assert refused(decide(order, Command("order1", action, order.token), START)) is RefusalReason.ILLEGAL
