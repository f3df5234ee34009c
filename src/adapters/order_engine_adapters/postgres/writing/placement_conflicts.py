"""Placements with possible conflicts, decided one by one by the domain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.decisions import Transition, claim, place
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, Verdict, binding, judge, takes_long
from order_engine.ports.repository import Added, AddOutcome


@dataclass(slots=True)
class InsertBatch:
    """What a call stores: new orders, which of them are leased at once, and keys."""

    placements: list[tuple[Placement, bool]] = field(default_factory=list)
    keys: dict[str, KeyBinding] = field(default_factory=dict)


class InsertStamp(NamedTuple):
    """Values from the database for all rows of a call: its time and the token floor."""

    now: datetime
    token_floor: int


class PlacementConflicts:
    """One call of `add`, including conflicts among its own placements."""

    def __init__(
        self,
        orders: Mapping[str, Order],
        bindings: Mapping[str, KeyBinding],
        hold: ClaimTerms | None,
        stamp: InsertStamp,
    ) -> None:
        """Start with the existing orders and bindings for the given ids and keys."""
        self.batch: InsertBatch = InsertBatch()
        self._orders = dict(orders)
        self._bindings = dict(bindings)
        self._hold = hold
        self._room = 0 if hold is None else hold.limit
        self._stamp = stamp

    def add_one(self, placement: Placement) -> Added:
        """Decide one placement and record what to store."""
        key = placement.idempotency_key
        existing = self._orders.get(placement.order_id)
        bound = self._bindings.get(key) if key is not None else None
        verdict = judge(placement, existing, bound)
        if verdict is Verdict.CONFLICT:
            return Added(AddOutcome.CONFLICT)
        if verdict is Verdict.KEY_REUSED:
            return Added(AddOutcome.KEY_REUSED)
        if verdict is Verdict.NEW:
            added = Added(AddOutcome.ADDED, self._note_new(placement))
        else:
            added = Added(AddOutcome.REPLAYED, self._orders[bound.order_id] if bound is not None else existing)
        if key is not None and bound is None:
            self._bindings[key] = self.batch.keys[key] = binding(placement)
        return added

    def _note_new(self, placement: Placement) -> Order:
        hold = self._hold if self._room > 0 else None
        self._room -= 1
        order = self._orders[placement.order_id] = new_order_of(placement, hold, self._stamp)
        self.batch.placements.append((placement, hold is not None))
        return order


async def all_new(placements: Sequence[Placement], hold: ClaimTerms | None) -> InsertBatch | None:
    """Return what has to be stored if everything is new; None where one item meets another one of the same call."""
    keys = [placement.idempotency_key for placement in placements if placement.idempotency_key is not None]
    ids = {placement.order_id for placement in placements}
    if len(ids) < len(placements) or len(set(keys)) < len(keys):
        return None
    room = 0 if hold is None else hold.limit
    batch = InsertBatch([(placement, place < room) for place, placement in enumerate(placements)])
    for placement in placements:
        if placement.idempotency_key is not None:
            batch.keys[placement.idempotency_key] = binding(placement)
            if takes_long(placement):
                await asyncio.sleep(0)
    return batch


def new_order_of(placement: Placement, hold: ClaimTerms | None, stamp: InsertStamp) -> Order:
    """Return a new order, Pending or leased, as the statements store it."""
    decision = place(None, placement, stamp.now)
    if isinstance(decision, Transition) and hold is not None:
        decision = claim(decision.order, hold, *stamp)
    if isinstance(decision, Transition):
        return decision.order
    message = f"a new order was refused: {decision}"
    raise AssertionError(message)
