"""Transactions of claims: selection, sequence and outcome of candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from order_engine.domain.commands import ClaimTerms
from order_engine.domain.content.sizes import ByteBudget
from order_engine.domain.decisions import Refusal, claim
from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom
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

DISTINCT_COMPANIES: Final = 22
"""From this vanished count on, a suspect runs alone, however many orders run concurrently in 64 bits."""
ANY_NUMBER: Final = 1 << 62
BEFORE_ALL: Final = (-1 << 63, 0)

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
    claiming = _SqliteClaim(terms, now)
    if terms.order_ids is not None:
        claiming.take(_named(store, claiming, list(dict.fromkeys(terms.order_ids))))
    else:
        claiming.take(_due(store, claiming, now))
    store.commit(claiming.changes)
    return Claimed(claiming.claimed, claiming.ended, claiming.more)


class _SqliteClaim:
    """A running claim: its results so far, and the terms for the rest."""

    def __init__(self, terms: ClaimTerms, now: datetime) -> None:
        self.changes = Changes()
        self.claimed: list[Order] = []
        self.ended: list[Order] = []
        self.terms = terms
        self.more = False
        self._budget = ByteBudget(terms.max_bytes)
        self._now = now

    @property
    def bytes_left(self) -> int:
        """Size limit of the next page of candidates."""
        left = self._budget.left
        return bound(None if left is None else max(left, 0))

    @property
    def places_left(self) -> int:
        """Number of orders that may still be claimed or ended."""
        return self.terms.limit - len(self.claimed) - len(self.ended)

    def take(self, candidates: Iterable[SqliteOrder]) -> None:
        """Claim or end candidates up to the limit, skipping those that cannot be claimed."""
        for kept in candidates:
            decision = claim(kept.order, self._terms_for(kept.order), self._now)
            if isinstance(decision, Refusal):
                continue
            if not self._budget.admits(kept.order.size):
                self.more = True
                break
            self.changes.move(SqliteOrder(kept.serial, decision.order), decision.event)
            self._note(decision.order)
            if self.places_left == 0:
                break

    def _terms_for(self, order: Order) -> ClaimTerms:
        """Return the terms for one order: a dead holder needs no grace time."""
        if self.terms.take_ended_leases or order.lease_ends != moment(DEAD_HOLDER_LEASE_END):
            return self.terms
        return replace(self.terms, take_ended_leases=True)

    def _note(self, order: Order) -> None:
        if order.status.ended:
            self.ended.append(order)
            return
        self.claimed.append(order)
        if order.vanished:
            self.terms = replace(self.terms, suspects=self.terms.suspects.with_suspect(order.vanished))


def _named(store: OrderTables, claiming: _SqliteClaim, order_ids: list[str]) -> Iterator[SqliteOrder]:
    """Yield the existing orders with these ids in pages within the remaining size limit."""
    while order_ids:
        found, more = store.find_some(order_ids, claiming.bytes_left)
        yield from found
        if not more:
            return
        del order_ids[: order_ids.index(found[-1].order.order_id) + 1]


def _due(store: OrderTables, claiming: _SqliteClaim, now: datetime) -> Iterator[SqliteOrder]:
    """Yield the claimable orders in pages of as many as may still be claimed.

    Skipped orders are not read again on the next page, for which the room for suspects is recomputed.
    """
    now_microseconds = microseconds(now)
    place = BEFORE_ALL
    while True:
        terms, limit = claiming.terms, claiming.places_left
        wanted = {
            "now": now_microseconds,
            "take_ended_leases": terms.take_ended_leases,
            "cap": terms.max_deliveries,
            "most_vanished": _most_vanished(terms.suspects),
            "since": place[0],
            "serial": place[1],
            "limit": limit,
            "max_bytes": claiming.bytes_left,
        }
        candidates, more = read_bounded_orders(store.database.ask(CANDIDATES, wanted))
        yield from candidates
        if len(candidates) < limit and not more:
            return
        place = _place(candidates[-1])


def _place(candidate: SqliteOrder) -> tuple[int, int]:
    """Return the position of a candidate in claim order: due time and serial number."""
    order = candidate.order
    return microseconds(order.lease_ends or order.due or order.updated_at), candidate.serial


def _most_vanished(room: SuspectRoom) -> int:
    """Return the highest vanished count for which there is room, or 0 if there is none."""
    for vanished in range(1, DISTINCT_COMPANIES + 1):
        if not room.admits(vanished):
            return vanished - 1
    return ANY_NUMBER
