"""What a batch means when its items meet each other and what is stored: for repositories that decide in Python.

Such a repository reads the orders and the keys that a call names, lets these rules decide, and writes what they return,
all in one transaction. Each item sees what the items before it did.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement, Renewal
from order_engine.domain.content.sizes import ByteBudget
from order_engine.domain.decisions import Refusal, Transition, act, claim, place, renew
from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, Verdict, binding, judge
from order_engine.ports.repository import Added, AddOutcome, Applied, Claimed, Renewed


class Stamp(NamedTuple):
    """What a repository gives to everything that one call stores: its time, and above which number tokens begin."""

    now: datetime
    token_floor: int = 0


OrderStep: TypeAlias = tuple[Order, Order, Event | None]
"""One step of one order: its versions before and after, and the event. A renewal has no event.

Like `PlacedOrder` a plain tuple: one is made for every order, and a named one takes a call in Python.
"""
PlacedOrder: TypeAlias = tuple[Order, Sequence[Event]]
"""A new order and its events: placed, and claimed where it was born claimed."""


class PlacementBatch:
    """One call of `add`. `placed` holds what has to be stored, `keys` the idempotency keys that have to be bound."""

    def __init__(
        self,
        orders: MutableMapping[str, Order],
        bindings: MutableMapping[str, KeyBinding],
        hold: ClaimTerms | None,
        stamp: Stamp,
        capacity: int | None = None,
    ) -> None:
        """Begin with the orders under the ids of the call and of its keys, and with the bindings of its keys.

        Both mappings get what the batch adds. The first `hold.limit` new orders are born claimed. With `capacity`,
        `orders` holds all orders of the repository, which takes so many and answers FULL to more.
        """
        self.placed: list[PlacedOrder] = []
        self.keys: dict[str, KeyBinding] = {}
        self._orders = orders
        self._bindings = bindings
        self._hold = hold
        self._room = 0 if hold is None else hold.limit
        self._stamp = stamp
        self._capacity = capacity

    def add_one(self, placement: Placement) -> Added:
        """Judge one placement, and place it where it is new. A refused one binds no key."""
        key = placement.idempotency_key
        existing = self._orders.get(placement.order_id)
        bound = self._bindings.get(key) if key is not None else None
        verdict = judge(placement, existing, bound)
        if verdict is Verdict.CONFLICT:
            return Added(AddOutcome.CONFLICT)
        if verdict is Verdict.KEY_REUSED:
            return Added(AddOutcome.KEY_REUSED)
        if verdict is Verdict.REPLAY:
            added = Added(AddOutcome.REPLAYED, self._orders[bound.order_id] if bound is not None else existing)
        elif self._capacity is not None and len(self._orders) >= self._capacity:
            return Added(AddOutcome.FULL)
        else:
            placed = placed_order(placement, self._hold if self._room > 0 else None, self._stamp)
            self._room -= 1
            self._orders[placement.order_id] = placed[0]
            self.placed.append(placed)
            added = Added(AddOutcome.ADDED, placed[0])
        if key is not None and bound is None:
            self._bindings[key] = self.keys[key] = binding(placement)
        return added


def placed_order(placement: Placement, hold: ClaimTerms | None, stamp: Stamp) -> PlacedOrder:
    """Return the order that a new placement makes: Pending, or with `hold` born claimed."""
    placed = place(None, placement, stamp.now)
    if hold is None and isinstance(placed, Transition) and placed.event is not None:
        return placed.order, (placed.event,)
    if hold is not None and isinstance(placed, Transition) and placed.event is not None:
        claimed = claim(placed.order, hold, stamp.now, stamp.token_floor)
        if isinstance(claimed, Transition) and claimed.event is not None:
            return claimed.order, (placed.event, claimed.event)
    message = f"A new order was refused: {placement.order_id!r}"
    raise AssertionError(message)


class ClaimBatch:
    """One claim under way: what it took so far, and the terms for the rest.

    Offer it candidates, those that are due longest first (`claimable_since`), until `places_left` is 0. A repository
    that holds orders under the same `claim_id` already answers with them instead (`repeated_claim`).
    """

    def __init__(self, terms: ClaimTerms, stamp: Stamp) -> None:
        """Begin with no order. `terms` become narrower with each suspect that is claimed."""
        self.terms: ClaimTerms = terms
        self.places_left: int = max(terms.limit, 0)
        """How many more orders may be claimed or ended; 0 also where the bound in bytes is reached."""
        self._claimed: list[Order] = []
        self._ended: list[Order] = []
        self._more = False
        self._budget = ByteBudget(terms.max_bytes)
        self._stamp = stamp

    @property
    def bytes_left(self) -> int | None:
        """How many bytes the next candidates may have; None: no bound."""
        left = self._budget.left
        return None if left is None else max(left, 0)

    @property
    def claimed(self) -> Claimed:
        """The answer to the claim."""
        return Claimed(self._claimed, self._ended, self._more)

    def take(self, order: Order, *, holder_is_dead: bool = False) -> Transition | None:
        """Claim or end a candidate, and return what has to be stored; None where it is passed over.

        With `holder_is_dead`, a lease that ended is taken whatever the terms say.
        """
        terms = self.terms
        if holder_is_dead and not terms.take_ended_leases:
            terms = replace(terms, take_ended_leases=True)
        decision = claim(order, terms, *self._stamp)
        if isinstance(decision, Refusal):
            return None
        if not self._budget.admits(order.size):
            self._more = True
            self.places_left = 0
            return None
        self.places_left -= 1
        taken = decision.order
        if taken.lease_ends is None:
            self._ended.append(taken)
        else:
            self._claimed.append(taken)
            if taken.vanished:
                self.terms = replace(self.terms, suspects=self.terms.suspects.with_suspect(taken.vanished))
        return decision


def claimable_since(order: Order) -> datetime:
    """Return since when an order may be claimed, or may be from: a claim begins with the earliest."""
    return order.lease_ends or order.due or order.updated_at


def renew_leases(
    orders: MutableMapping[str, Order], leases: Iterable[Lease], seconds: float, now: datetime
) -> tuple[Sequence[Renewed], Sequence[OrderStep]]:
    """Return the outcome of each renewal and the steps to store. `orders` holds those that exist, and follows."""
    outcomes: list[Renewed] = []
    steps: list[OrderStep] = []
    for lease in leases:
        before = orders.get(lease.order_id)
        decision = renew(before, Renewal(lease, seconds), now)
        if before is None or isinstance(decision, Refusal):
            outcomes.append(Renewed.LOST)
            continue
        after = orders[lease.order_id] = decision.order
        steps.append((before, after, None))
        outcomes.append(Renewed.CANCEL_REQUESTED if after.cancel_requested else Renewed.HELD)
    return outcomes, steps


def apply_commands(
    orders: MutableMapping[str, Order], commands: Iterable[Command], now: datetime
) -> tuple[Sequence[Applied], Sequence[OrderStep]]:
    """Return the outcome of each command and the steps to store. `orders` holds those that exist, and follows."""
    outcomes: list[Applied] = []
    steps: list[OrderStep] = []
    for command in commands:
        before = orders.get(command.order_id)
        decision = act(before, command, now)
        if isinstance(decision, Refusal):
            outcomes.append(Applied(decision.reason, before))
            continue
        if before is not None and decision.event is not None:
            orders[command.order_id] = decision.order
            steps.append((before, decision.order, decision.event))
        outcomes.append(Applied(None, decision.order))
    return outcomes, steps
