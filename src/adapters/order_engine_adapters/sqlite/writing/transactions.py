"""Transactions that change orders: the domain decides, and the results are committed together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement, Renewal
from order_engine.domain.decisions import Refusal, act, claim, place, renew
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, Verdict, binding, judge
from order_engine.ports.repository import Added, AddOutcome, Applied, Renewed
from order_engine_adapters.sqlite.changes import Changes
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.rows import SqliteOrder


def add(store: OrderTables, placements: Sequence[Placement], hold: ClaimTerms | None, now: datetime) -> Sequence[Added]:
    """Store new orders. The first ones are leased on the terms of `hold`."""
    adding = _PlacementBatch(store, placements, hold, now)
    outcomes = list(map(adding.add_one, placements))
    store.commit(adding.changes)
    return outcomes


def renew_leases(store: OrderTables, leases: Sequence[Lease], seconds: float, now: datetime) -> Sequence[Renewed]:
    """Extend leases with a current token."""
    orders = store.find([lease.order_id for lease in leases])
    changes = Changes()
    outcomes: list[Renewed] = []
    for lease in leases:
        kept = orders.get(lease.order_id)
        decision = renew(None if kept is None else kept.order, Renewal(lease, seconds), now)
        if kept is None or isinstance(decision, Refusal):
            outcomes.append(Renewed.LOST)
            continue
        after = orders[lease.order_id] = SqliteOrder(kept.serial, decision.order)
        changes.move(after, None)
        outcomes.append(Renewed.CANCEL_REQUESTED if decision.order.cancel_requested else Renewed.HELD)
    store.commit(changes)
    return outcomes


def apply(store: OrderTables, commands: Sequence[Command], now: datetime) -> Sequence[Applied]:
    """Apply reports and actions of clients."""
    if not commands:
        store.try_writing()
        return []
    orders = store.find([command.order_id for command in commands])
    changes = Changes()
    outcomes: list[Applied] = []
    for command in commands:
        kept = orders.get(command.order_id)
        before = None if kept is None else kept.order
        decision = act(before, command, now)
        if isinstance(decision, Refusal):
            outcomes.append(Applied(decision.reason, before))
            continue
        if kept is not None and decision.event is not None:
            after = orders[command.order_id] = SqliteOrder(kept.serial, decision.order)
            changes.move(after, decision.event)
        outcomes.append(Applied(None, decision.order))
    store.commit(changes)
    return outcomes


class _PlacementBatch:
    """One call of `add`, including conflicts among its own placements."""

    def __init__(
        self, store: OrderTables, placements: Sequence[Placement], hold: ClaimTerms | None, now: datetime
    ) -> None:
        self.changes = Changes()
        self._store = store
        self._hold = hold
        self._room = 0 if hold is None else hold.limit
        self._now = now
        keys = {placement.idempotency_key for placement in placements if placement.idempotency_key is not None}
        self._bindings = store.bindings(keys) if keys else {}
        met = [placement.order_id for placement in placements]
        met += [bound.order_id for bound in self._bindings.values()]
        self._orders = {order_id: kept.order for order_id, kept in store.find(met).items()}

    def add_one(self, placement: Placement) -> Added:
        """Decide one placement, and store it if it is new."""
        key = placement.idempotency_key
        existing = self._orders.get(placement.order_id)
        bound = self._bindings.get(key) if key is not None else None
        verdict = judge(placement, existing, bound)
        if verdict is Verdict.CONFLICT:
            return Added(AddOutcome.CONFLICT)
        if verdict is Verdict.KEY_REUSED:
            return Added(AddOutcome.KEY_REUSED)
        if verdict is Verdict.NEW:
            added = Added(AddOutcome.ADDED, self._store_one(placement))
        else:
            added = Added(AddOutcome.REPLAYED, self._orders[bound.order_id] if bound is not None else existing)
        if key is not None and bound is None:
            self._bind(key, binding(placement))
        return added

    def _store_one(self, placement: Placement) -> Order:
        placed = place(None, placement, self._now)
        if isinstance(placed, Refusal) or placed.event is None:
            message = f"a new order was not placed: {placed}"
            raise AssertionError(message)
        order = placed.order
        if self._hold is not None and self._room > 0:
            self._room -= 1
            claimed = claim(order, self._hold, self._now)
            if not isinstance(claimed, Refusal):
                order = claimed.order
        self.changes.place(SqliteOrder(self._store.next_serial(), order))
        self._orders[order.order_id] = order
        return order

    def _bind(self, key: str, bound: KeyBinding) -> None:
        self._bindings[key] = bound
        self.changes.bind(key, bound)
