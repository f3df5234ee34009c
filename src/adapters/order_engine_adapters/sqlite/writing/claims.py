"""The transaction of a claim: who is asked, in which order, and what becomes of them."""

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
"""From so many vanished attempts on the company is one, however many orders run at once in 64 bits."""
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
"""The next orders that may be claimed, longest due first, from the indexes that hold nothing else.

Suspects for whom there is no room are left out here, so that however many of them wait, a claim does not read them
again and again. Every branch goes on behind the same place (since, serial).
"""


def claim_orders(store: OrderTables, terms: ClaimTerms, now: datetime) -> Claimed:
    """Hand out due orders, or those of the named ones that are due."""
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
    """One claim under way: what it took so far, and the terms for the rest."""

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
        """How many bytes the next portion of candidates may have."""
        left = self._budget.left
        return bound(None if left is None else max(left, 0))

    @property
    def places_left(self) -> int:
        """How many more orders may be claimed or ended."""
        return self.terms.limit - len(self.claimed) - len(self.ended)

    def take(self, candidates: Iterable[SqliteOrder]) -> None:
        """Claim or end candidates up to the limit, passing over those that may not be claimed."""
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
        """Return the terms for one order: where its holder is known to be dead, nobody has to be waited for."""
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
    """Go through the orders of these ids that exist, in portions that fit into what is left of the bound."""
    while order_ids:
        found, more = store.find_some(order_ids, claiming.bytes_left)
        yield from found
        if not more:
            return
        del order_ids[: order_ids.index(found[-1].order.order_id) + 1]


def _due(store: OrderTables, claiming: _SqliteClaim, now: datetime) -> Iterator[SqliteOrder]:
    """Go through the orders that may be claimed, in portions of as many as there are places left.

    What is passed over in one portion is not read again in the next, for which the room is looked at anew.
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
    """Return where a candidate stands in the order of the claims: since when it is due, and its serial number."""
    order = candidate.order
    return microseconds(order.lease_ends or order.due or order.updated_at), candidate.serial


def _most_vanished(room: SuspectRoom) -> int:
    """Return how often an order may have vanished that there is room for now; 0 where there is none for suspects."""
    for vanished in range(1, DISTINCT_COMPANIES + 1):
        if not room.admits(vanished):
            return vanished - 1
    return ANY_NUMBER
