"""The rules of a batch: each item sees what the items before it did. The kit tests them through the repositories."""

from __future__ import annotations

from dataclasses import replace

from order_engine.domain.commands import Action, Command, Lease
from order_engine.domain.events import EventType
from order_engine.domain.order import Order, Status
from order_engine.domain.placement import KeyBinding
from order_engine.ports import (
    AddOutcome,
    ClaimBatch,
    PlacementBatch,
    Renewed,
    Stamp,
    apply_commands,
    claimable_since,
    renew_leases,
)
from tests.unit.domain.strategies import LEASE_SECONDS, OTHER_CONTENT, PLACEMENT, START, after, claimed, placed, terms

KEYED = PLACEMENT._replace(idempotency_key="key")


def test_placements_meet_each_other() -> None:
    """The same id again is a replay or a conflict; the first new ones are born claimed, up to the limit."""
    orders: dict[str, Order] = {}
    batch = PlacementBatch(orders, {}, terms(limit=1), Stamp(START, token_floor=7))
    given = [PLACEMENT, PLACEMENT, OTHER_CONTENT, PLACEMENT._replace(order_id="order2")]
    outcomes = [batch.add_one(placement).outcome for placement in given]
    assert outcomes == [AddOutcome.ADDED, AddOutcome.REPLAYED, AddOutcome.CONFLICT, AddOutcome.ADDED]
    assert [[event.type for event in events] for _, events in batch.placed] == [
        [EventType.PLACED, EventType.CLAIMED],
        [EventType.PLACED],
    ]
    assert [order.token for order, _ in batch.placed] == [8, 0]
    assert orders == {order.order_id: order for order, _ in batch.placed}


def test_a_key_is_bound_by_what_is_added_or_replayed() -> None:
    """Not by what is refused; and what it was used with is compared within the batch as well."""
    bindings: dict[str, KeyBinding] = {}
    batch = PlacementBatch({}, bindings, None, Stamp(START))
    assert batch.add_one(PLACEMENT).outcome is AddOutcome.ADDED
    assert batch.add_one(OTHER_CONTENT._replace(idempotency_key="key")).outcome is AddOutcome.CONFLICT
    assert batch.keys == {}
    assert batch.add_one(KEYED).outcome is AddOutcome.REPLAYED
    assert batch.keys == bindings
    assert list(bindings) == ["key"]
    assert batch.add_one(KEYED._replace(order_id="order2")).outcome is AddOutcome.KEY_REUSED


def test_a_repository_that_is_full_takes_replays() -> None:
    """A new order is answered with FULL, and binds no key."""
    batch = PlacementBatch({}, {}, None, Stamp(START), capacity=1)
    outcomes = [batch.add_one(each).outcome for each in (PLACEMENT, KEYED._replace(order_id="order2"), PLACEMENT)]
    assert outcomes == [AddOutcome.ADDED, AddOutcome.FULL, AddOutcome.REPLAYED]
    assert batch.keys == {}


def test_a_claim_ends_at_its_limit_and_counts_what_it_ends() -> None:
    """Orders that it ends take a place; those that are passed over do not."""
    late = after(LEASE_SECONDS + 1)
    spent = replace(claimed(placed()), vanished=99)
    batch = ClaimBatch(terms(limit=2, claim_id="another"), Stamp(late))
    assert batch.take(replace(placed(), due=after(1_000))) is None
    assert batch.places_left == 2
    ended, taken = batch.take(spent), batch.take(placed())
    assert ended is not None
    assert taken is not None
    assert (ended.order.status, taken.order.status) == (Status.FAILED, Status.PROCESSING)
    assert (batch.places_left, batch.claimed.orders, batch.claimed.ended) == (0, [taken.order], [ended.order])


def test_a_claim_ends_at_its_bound_in_bytes() -> None:
    """One order at least; the answer says that more wait."""
    batch = ClaimBatch(replace(terms(limit=9), max_bytes=1), Stamp(START))
    assert batch.take(placed()) is not None
    assert batch.bytes_left == 0
    assert batch.take(placed()) is None
    assert (batch.places_left, batch.claimed.more, len(batch.claimed.orders)) == (0, True, 1)


def test_a_dead_holder_needs_no_grace() -> None:
    """Where leases that ended are left alone, that of a holder that is known to be dead is taken all the same."""
    order, late = claimed(placed()), after(LEASE_SECONDS + 1)
    batch = ClaimBatch(terms(claim_id="another", take_ended_leases=False), Stamp(late))
    assert batch.take(order) is None
    assert batch.take(order, holder_is_dead=True) is not None
    assert batch.terms.take_ended_leases is False


def test_candidates_are_due_since_their_lease_ended_or_their_retry_or_their_last_event() -> None:
    """In this order, which is that of the claims."""
    order = placed()
    assert claimable_since(order) == START
    assert claimable_since(replace(order, due=after(5))) == after(5)
    assert claimable_since(claimed(order)) == after(LEASE_SECONDS)


def test_commands_on_one_order_follow_each_other() -> None:
    """The second starts from what the first made, one that is repeated changes nothing, and a refused one neither."""
    order = claimed(placed())
    orders = {order.order_id: order}
    complete = Command(order.order_id, Action.COMPLETE, token=order.token)
    unknown = complete._replace(order_id="nobody")
    outcomes, steps = apply_commands(orders, [complete._replace(token=99), complete, complete, unknown], after(1))
    assert [outcome.refusal is None for outcome in outcomes] == [False, True, True, False]
    ((before, done, event),) = steps
    assert (before, done.status, event is not None) == (order, Status.COMPLETED, True)
    assert orders == {order.order_id: done}


def test_a_lease_that_is_asked_for_twice_is_renewed_twice() -> None:
    """Both are answered; a step has no event, and no new version."""
    order = claimed(placed())
    orders, lease = {order.order_id: order}, Lease(order.order_id, order.token)
    outcomes, steps = renew_leases(orders, [lease, Lease(order.order_id, 99), lease], LEASE_SECONDS, after(5))
    assert outcomes == [Renewed.HELD, Renewed.LOST, Renewed.HELD]
    assert [(before.version, event) for before, _, event in steps] == [(order.version, None)] * 2
    assert orders[order.order_id].lease_ends == after(5 + LEASE_SECONDS)
