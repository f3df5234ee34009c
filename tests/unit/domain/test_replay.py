"""Replay: the history tells the order, and what is no history is found out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from order_engine.domain.commands import Action
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Status
from order_engine.domain.replay import recorded_state, replay
from tests.unit.domain.strategies import (
    LEASE_SECONDS,
    PLACEMENT,
    START,
    Life,
    after,
    claimed,
    lives,
    placed,
    terms,
    thorough,
    told_by,
)


@thorough
@given(lives)
def test_the_history_replays_to_the_order(life: Life) -> None:
    """At every step of any life: the events so far and the content are the order but for lease, due time and claim."""
    events: list[Event] = []
    for step in life.steps:
        if step.event is not None:
            events.append(step.event)
        assert step.after is not None
        assert replay(life.placement, events) == recorded_state(step.after)


@thorough
@given(lives)
def test_told_leaves_out_the_lease_the_due_time_and_the_claim(life: Life) -> None:
    """Nothing else; leaving it out twice is leaving it out once."""
    order = recorded_state(life.order)
    untold = {"lease_ends": None, "due": None, "claim_id": None}
    assert vars(order) == vars(life.order) | untold
    assert recorded_state(order) == order


def test_a_history_with_everything_in_it() -> None:
    """Two rounds, a release, a retry, two vanished attempts and a cancel, told by ten events."""
    first = claimed(placed(), after(1))
    released = told_by(first, Action.RELEASE, after(2))
    second = claimed(released, after(3), terms("claim2"))
    third = claimed(second, after(3 + LEASE_SECONDS), terms("claim3"))
    failed = told_by(third, Action.FAIL, after(40), reason="broken")
    redriven = told_by(failed, Action.REDRIVE, after(41))
    fourth = claimed(redriven, after(42), terms("claim4"))
    asked = told_by(fourth, Action.CANCEL, after(43), reason="changed my mind")
    cancelled = claimed(asked, after(43 + LEASE_SECONDS), terms("claim5"))
    pending, processing = Status.PENDING, Status.PROCESSING
    history = [
        Event("order1", 1, EventType.PLACED, pending, START),
        Event("order1", 2, EventType.CLAIMED, processing, after(1), 1, 1),
        Event("order1", 3, EventType.RELEASED, processing, after(2), 1, 1),
        Event("order1", 4, EventType.CLAIMED, processing, after(3), 2, 1),
        Event("order1", 5, EventType.CLAIMED, processing, after(3 + LEASE_SECONDS), 3, 2),
        Event("order1", 6, EventType.FAILED, Status.FAILED, after(40), 3, 2, "broken"),
        Event("order1", 7, EventType.REDRIVEN, pending, after(41)),
        Event("order1", 8, EventType.CLAIMED, processing, after(42), 4, 1),
        Event("order1", 9, EventType.CANCEL_REQUESTED, processing, after(43), 4, 1, "changed my mind"),
        Event("order1", 10, EventType.CANCELLED, Status.CANCELLED, after(43 + LEASE_SECONDS), 4, 1, "vanished"),
    ]
    assert replay(PLACEMENT, history) == recorded_state(cancelled)
    assert (cancelled.vanished, cancelled.round, cancelled.token) == (1, 2, 4)


def test_completion_forgets_the_failure_of_an_earlier_attempt() -> None:
    """The history still tells it; the completed order does not."""
    waiting = told_by(claimed(placed(), after(1)), Action.RETRY, after(2), reason="broken")
    completed = told_by(claimed(waiting, after(3), terms("claim2")), Action.COMPLETE, after(4))
    history = [
        Event("order1", 1, EventType.PLACED, Status.PENDING, START),
        Event("order1", 2, EventType.CLAIMED, Status.PROCESSING, after(1), 1, 1),
        Event("order1", 3, EventType.RETRIED, Status.PROCESSING, after(2), 1, 1, "broken"),
        Event("order1", 4, EventType.CLAIMED, Status.PROCESSING, after(3), 2, 2),
        Event("order1", 5, EventType.COMPLETED, Status.COMPLETED, after(4), 2, 2),
    ]
    assert replay(PLACEMENT, history[:3]).failure == "broken"
    assert replay(PLACEMENT, history) == recorded_state(completed)


def test_an_empty_history_is_none() -> None:
    """Every order was placed at least."""
    with pytest.raises(ValueError, match="the history of 'order1' is empty"):
        replay(PLACEMENT, [])


@thorough
@given(lives, st.data())
def test_a_gap_is_found(life: Life, data: st.DataObject) -> None:
    """Whichever event but the last is missing, the rest is no history."""
    events = life.events
    assume(len(events) > 1)
    events.pop(data.draw(st.integers(0, len(events) - 2)))
    with pytest.raises(ValueError, match=r"must begin with version 1|does not follow version"):
        replay(life.placement, events)


@thorough
@given(lives, st.data())
def test_a_repeated_event_is_found(life: Life, data: st.DataObject) -> None:
    """The stream repeats nothing, and neither may a history."""
    events = life.events
    place = data.draw(st.integers(0, len(events) - 1))
    events.insert(place, events[place])
    with pytest.raises(ValueError, match="does not follow version"):
        replay(life.placement, events)


@thorough
@given(lives, st.data())
def test_events_out_of_order_are_found(life: Life, data: st.DataObject) -> None:
    """Versions tell the order, not the place in a list."""
    events = life.events
    assume(len(events) > 1)
    shuffled = data.draw(st.permutations(events))
    assume(shuffled != events)
    with pytest.raises(ValueError, match=r"must begin with version 1|does not follow version"):
        replay(life.placement, shuffled)


@thorough
@given(lives, st.data())
def test_a_time_that_runs_back_is_found(life: Life, data: st.DataObject) -> None:
    """By a microsecond, anywhere after the first event."""
    events = life.events
    assume(len(events) > 1)
    place = data.draw(st.integers(1, len(events) - 1))
    events[place] = events[place]._replace(at=events[place - 1].at - timedelta(microseconds=1))
    with pytest.raises(ValueError, match="does not follow version"):
        replay(life.placement, events)


@pytest.mark.parametrize("event_type", [event_type for event_type in EventType if event_type is not EventType.PLACED])
def test_a_history_begins_with_placed(event_type: EventType) -> None:
    """Nothing happens to an order before it was placed."""
    with pytest.raises(ValueError, match="must begin with version 1, placed"):
        replay(PLACEMENT, [Event("order1", 1, event_type, Status.PROCESSING, START)])


def test_a_history_begins_with_version_1() -> None:
    """Its head may not have been cut off."""
    with pytest.raises(ValueError, match="must begin with version 1, placed"):
        replay(PLACEMENT, [Event("order1", 2, EventType.PLACED, Status.PENDING, START)])
