"""The transactions that change orders: the batch rules decide, and what they decided is committed together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.order import Order
from order_engine.ports import batch_rules
from order_engine.ports.batch_rules import OrderStep, PlacementBatch, Stamp
from order_engine.ports.repository import Added, Applied, Renewed
from order_engine_adapters.sqlite.changes import Changes
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.rows import SqliteOrder


def add(store: OrderTables, placements: Sequence[Placement], hold: ClaimTerms | None, now: datetime) -> Sequence[Added]:
    """Store new orders. The first ones are leased on the terms of `hold`."""
    keys = {placement.idempotency_key for placement in placements if placement.idempotency_key is not None}
    bindings = store.bindings(keys) if keys else {}
    met = [placement.order_id for placement in placements]
    met += [bound.order_id for bound in bindings.values()]
    batch = PlacementBatch(_orders(store.find(met)), bindings, hold, Stamp(now))
    outcomes = list(map(batch.add_one, placements))
    changes = Changes()
    for order, _ in batch.placed:
        changes.place(SqliteOrder(store.next_serial(), order))
    for key, bound in batch.keys.items():
        changes.bind(key, bound)
    store.commit(changes)
    return outcomes


def renew_leases(store: OrderTables, leases: Sequence[Lease], seconds: float, now: datetime) -> Sequence[Renewed]:
    """Extend leases with a current token."""
    found = store.find([lease.order_id for lease in leases])
    outcomes, steps = batch_rules.renew_leases(_orders(found), leases, seconds, now)
    store.commit(_changes(found, steps))
    return outcomes


def apply(store: OrderTables, commands: Sequence[Command], now: datetime) -> Sequence[Applied]:
    """Apply reports and actions of clients."""
    if not commands:
        store.try_writing()
        return []
    found = store.find([command.order_id for command in commands])
    outcomes, steps = batch_rules.apply_commands(_orders(found), commands, now)
    store.commit(_changes(found, steps))
    return outcomes


def _orders(found: Mapping[str, SqliteOrder]) -> dict[str, Order]:
    return {order_id: kept.order for order_id, kept in found.items()}


def _changes(found: Mapping[str, SqliteOrder], steps: Iterable[OrderStep]) -> Changes:
    changes = Changes()
    for _, after, event in steps:
        changes.move(SqliteOrder(found[after.order_id].serial, after), event)
    return changes
