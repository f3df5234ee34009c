"""Transactions of claims: selection, sequence and outcome of candidates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from order_engine.domain.commands import ClaimTerms
from order_engine.ports.batch_rules import ClaimBatch, Stamp, claimable_since
from order_engine.ports.repository import Claimed
from order_engine_adapters.sqlite.changes import Changes
from order_engine_adapters.sqlite.order_tables import DEAD_HOLDER_LEASE_END, OrderTables
from order_engine_adapters.sqlite.rows import (
    SqliteOrder,
    bound,
    bounded_orders,
    microseconds,
    moment,
    read_bounded_orders,
)

ANY_NUMBER: Final = 1 << 62
BEFORE_ALL: Final = (-1 << 63, 0)
DEAD_HOLDER_TIME: Final = moment(DEAD_HOLDER_LEASE_END)

CANDIDATES: Final = f"""
WITH candidate (since, serial) AS (
    SELECT * FROM (
        SELECT lease_ends, serial FROM orders INDEXED BY orders_held
        WHERE (:take_ended_leases OR lease_ends = {DEAD_HOLDER_LEASE_END})
          AND lease_ends IS NOT NULL AND lease_ends <= :now
          AND (lease_ends, serial) > (:since, :serial)
          AND (cancel_requested OR vanished + 1 >= :cap OR vanished + 1 <= :most_vanished)
        ORDER BY lease_ends, serial LIMIT :limit)
    UNION ALL SELECT * FROM (
        SELECT updated_at, serial FROM orders INDEXED BY orders_at_once
        WHERE suspect = 0 AND ended_at IS NULL AND lease_ends IS NULL AND due IS NULL
          AND (updated_at, serial) > (:since, :serial)
        ORDER BY updated_at, serial LIMIT :limit)
    UNION ALL SELECT * FROM (
        SELECT updated_at, serial FROM orders INDEXED BY orders_at_once
        WHERE :most_vanished > 0 AND suspect = 1 AND ended_at IS NULL AND lease_ends IS NULL AND due IS NULL
          AND (updated_at, serial) > (:since, :serial) AND vanished <= :most_vanished
        ORDER BY updated_at, serial LIMIT :limit)
    UNION ALL SELECT * FROM (
        SELECT due, serial FROM orders INDEXED BY orders_later
        WHERE suspect = 0 AND due IS NOT NULL AND due <= :now AND (due, serial) > (:since, :serial)
        ORDER BY due, serial LIMIT :limit)
    UNION ALL SELECT * FROM (
        SELECT due, serial FROM orders INDEXED BY orders_later
        WHERE :most_vanished > 0 AND suspect = 1 AND due IS NOT NULL AND due <= :now
          AND (due, serial) > (:since, :serial) AND vanished <= :most_vanished
        ORDER BY due, serial LIMIT :limit)
    ORDER BY 1, 2 LIMIT :limit
)
{bounded_orders("candidate", "since, serial")}
"""  # noqa: S608 - constants
"""The next claimable orders, longest due first, from indexes that contain nothing else.

Suspects without room are excluded, so that a claim does not read them repeatedly, however many wait. Every branch
continues after the same position (since, serial).
"""


def claim_orders(store: OrderTables, terms: ClaimTerms, now: datetime) -> Claimed:
    """Lease due orders, or the due ones among the named orders."""
    already = store.held_by(terms)
    if already.orders:
        return Claimed([kept.order for kept in already.orders], (), already.more)
    if terms.limit <= 0:
        return Claimed((), ())
    batch = ClaimBatch(terms, Stamp(now))
    if terms.order_ids is not None:
        candidates = _named(store, batch, list(dict.fromkeys(terms.order_ids)))
    else:
        candidates = _due(store, batch, now)
    changes = Changes()
    for kept in candidates:
        taken = batch.take(kept.order, holder_is_dead=kept.order.lease_ends == DEAD_HOLDER_TIME)
        if taken is not None:
            changes.move(SqliteOrder(kept.serial, taken.order), taken.event)
        if batch.places_left == 0:
            break
    store.commit(changes)
    return batch.claimed


def _named(store: OrderTables, batch: ClaimBatch, order_ids: list[str]) -> Iterator[SqliteOrder]:
    """Yield the existing orders with these ids in pages within the remaining size limit."""
    while order_ids:
        found, more = store.find_some(order_ids, bound(batch.bytes_left))
        yield from found
        if not more:
            return
        del order_ids[: order_ids.index(found[-1].order.order_id) + 1]


def _due(store: OrderTables, batch: ClaimBatch, now: datetime) -> Iterator[SqliteOrder]:
    """Yield the claimable orders in pages of as many as may still be claimed.

    Skipped orders are not read again on the next page, for which the room for suspects is recomputed.
    """
    now_microseconds = microseconds(now)
    place = BEFORE_ALL
    while True:
        terms, limit = batch.terms, batch.places_left
        most_vanished = terms.suspects.max_vanished
        wanted = {
            "now": now_microseconds,
            "take_ended_leases": terms.take_ended_leases,
            "cap": terms.max_deliveries,
            "most_vanished": ANY_NUMBER if most_vanished is None else most_vanished,
            "since": place[0],
            "serial": place[1],
            "limit": limit,
            "max_bytes": bound(batch.bytes_left),
        }
        candidates, more = read_bounded_orders(store.database.ask(CANDIDATES, wanted))
        yield from candidates
        if len(candidates) < limit and not more:
            return
        place = _place(candidates[-1])


def _place(candidate: SqliteOrder) -> tuple[int, int]:
    """Return the position of a candidate in claim order: due time and serial number."""
    return microseconds(claimable_since(candidate.order)), candidate.serial
