"""An order is a value: immutable, comparable, picklable, and only ever followed by its next version."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.order import (
    NEW_ROUND,
    LifecycleState,
    Order,
    OrderContent,
    StateChange,
    Status,
    evolve,
    new_order,
)
from tests.unit.domain.strategies import PLACEMENT, START, Life, claimed, lives, placed, thorough, usual

times = st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware right here
counts = st.integers(0, 100)
changes_of_state: st.SearchStrategy[StateChange] = st.fixed_dictionaries(  # type: ignore[assignment]
    {},
    optional={
        "status": st.sampled_from(Status),
        "version": counts,
        "round": counts,
        "token": counts,
        "attempts": counts,
        "failures": counts,
        "vanished": counts,
        "cancel_requested": st.booleans(),
        "claim_id": st.none() | st.text(max_size=3),
        "lease_ends": st.none() | times,
        "due": st.none() | times,
        "updated_at": times,
        "processing_started_at": st.none() | times,
        "ended_at": st.none() | times,
        "failure": st.none() | st.text(max_size=3),
    },
)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Order)])
def test_no_field_of_an_order_can_be_changed(name: str) -> None:
    """An order is one version; neither setting nor deleting gets at it."""
    order = placed()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(order, name, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(order, name)
    assert order == placed()


def test_every_change_of_state_is_a_field_of_the_order() -> None:
    """`evolve` checks nothing when it runs, so its names and types have to be the order's own."""
    fields = get_type_hints(Order)
    changes = get_type_hints(StateChange)
    assert changes == {name: fields[name] for name in changes}


def test_a_new_order_has_every_field_that_the_constructor_gives_it() -> None:
    """`new_order` checks nothing when it runs either: a field that it does not know would be missing."""
    fields = get_type_hints(Order)
    content = get_type_hints(OrderContent)
    assert content == {name: fields[name] for name in content}
    given: OrderContent = {name: getattr(placed(), name) for name in content}  # type: ignore[assignment] # each one
    made, constructed = new_order(given), Order(**given)
    assert made == constructed
    assert vars(made).keys() == vars(constructed).keys() == fields.keys()


def test_the_content_never_changes() -> None:
    """What the client placed, and when, is no part of any change of state."""
    content = set(get_type_hints(Order)) - set(get_type_hints(StateChange))
    assert content == {
        "order_id",
        "user_id",
        "item_ids",
        "total_amount",
        "currency",
        "attributes",
        "trace_parent",
        "created_at",
    }


def test_an_order_of_a_repository_that_keeps_no_trace_parent_has_none() -> None:
    """Also where it begins with the fields that were all of them before there were traces."""
    content: OrderContent = {
        "order_id": PLACEMENT.order_id,
        "user_id": PLACEMENT.user_id,
        "item_ids": PLACEMENT.item_ids,
        "total_amount": PLACEMENT.total_amount,
        "currency": PLACEMENT.currency,
        "attributes": PLACEMENT.attributes,
        "created_at": START,
        "updated_at": START,
    }
    untraced = new_order(content)
    assert untraced.trace_parent is None
    assert untraced == placed()
    assert claimed(untraced) == claimed(placed())
    assert pickle.loads(pickle.dumps(untraced)) == untraced  # noqa: S301 - our own bytes


def test_a_new_round_starts_what_a_round_counts() -> None:
    """Tokens, versions and the round itself go on; all that a redrive sets back is what a new order starts with."""
    assert set(NEW_ROUND) <= set(get_type_hints(StateChange))
    fresh = placed()
    assert evolve(fresh, NEW_ROUND) == fresh
    assert not {"token", "version", "round", "updated_at"} & set(NEW_ROUND)


@thorough
@given(lives, changes_of_state)
def test_evolve_is_replace(life: Life, changes: StateChange) -> None:
    """The quick way makes what the standard library's slow way makes: same type, same fields, equal, same hash."""
    evolved = evolve(life.order, changes)
    replaced = dataclasses.replace(life.order, **changes)
    assert type(evolved) is Order
    assert evolved == replaced
    assert hash(evolved) == hash(replaced)
    assert list(vars(evolved)) == list(vars(replaced)) == [field.name for field in dataclasses.fields(Order)]


@thorough
@given(lives, changes_of_state)
def test_evolve_leaves_the_original_alone(life: Life, changes: StateChange) -> None:
    """The version before stays what it was; without changes the next version is equal and another object."""
    order = life.order
    before = copy.deepcopy(vars(order))
    evolve(order, changes)
    assert vars(order) == before
    assert evolve(order, {}) == order
    assert evolve(order, {}) is not order


def test_what_evolve_makes_is_frozen_as_well() -> None:
    """Going around the constructor does not go around the immutability."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        evolve(placed(), {"version": 2}).version = 3  # type: ignore[misc]


@usual
@given(lives)
def test_an_order_can_be_pickled_and_copied(life: Life) -> None:
    """A processor in another process gets the same order; a copy is equal and hashes alike."""
    order = life.order
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(order, protocol)) == order  # noqa: S301 - our own bytes
    for copied in (copy.copy(order), copy.deepcopy(order)):
        assert copied == order
        assert hash(copied) == hash(order)


@usual
@given(lives)
def test_standing_and_status_agree(life: Life) -> None:
    """The standing is the status, and for Processing also tells whether somebody holds the order."""
    order = life.order
    assert order.state.status is order.status
    assert (order.state is LifecycleState.LEASED) == order.leased == (order.lease_ends is not None)
    assert order.status.ended == (order.ended_at is not None)
    assert order.attempt == order.attempts


def test_every_standing_has_its_status() -> None:
    """Two standings share Processing; an absent order has no status."""
    statuses = [state.status for state in LifecycleState]
    assert statuses.count(None) == 1
    assert LifecycleState.ABSENT.status is None
    assert {status: statuses.count(status) for status in Status} == {
        Status.PENDING: 1,
        Status.PROCESSING: 2,
        Status.COMPLETED: 1,
        Status.FAILED: 1,
        Status.CANCELLED: 1,
    }


def test_three_statuses_are_ends() -> None:
    """Pending and Processing orders are still to be driven to one."""
    assert {status for status in Status if status.ended} == {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


def test_a_status_is_the_word_that_clients_see() -> None:
    """The five words are part of the outside interface."""
    assert [str(status) for status in Status] == ["Pending", "Processing", "Completed", "Failed", "Cancelled"]


def test_the_processor_sees_round_attempt_and_token() -> None:
    """What it needs for idempotency keys and fences is on the order it gets."""
    order = claimed(placed())
    assert (order.round, order.attempt, order.token) == (1, 1, 1)
