"""Claims: one statement for plain orders, decisions of the domain for expired leases and suspects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from order_engine.domain.commands import ClaimTerms
from order_engine.domain.content.sizes import ByteBudget
from order_engine.domain.decisions import Refusal, claim
from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom
from order_engine.ports.repository import Claimed
from order_engine_adapters.postgres.claim_floor import BEFORE_ALL, ClaimFloor
from order_engine_adapters.postgres.connection.request_budget import RequestBudget
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.database_clock import PART_OF_LEASE, ClockReading, DatabaseClock
from order_engine_adapters.postgres.rows import (
    LARGEST_VERSION,
    PostgresOrder,
    bound,
    microseconds,
    read_bounded,
    read_orders,
    storable,
)
from order_engine_adapters.postgres.writing import claim_statements
from order_engine_adapters.postgres.writing.order_changes import OrderChanges

DISTINCT_COMPANIES: Final = 22
"""From this vanished count on, a suspect runs alone, however many orders run concurrently in 64 bits."""
ANY_NUMBER: Final = LARGEST_VERSION - 1
LARGEST_LIMIT: Final = 1 << 31
FIRST_OF_ORDER: Final = 6
"""Index of the first order column in a row of a claim, after the time since when it could be claimed."""


async def claim_orders(sessions: Sessions, floor: ClaimFloor, clock: DatabaseClock, terms: ClaimTerms) -> Claimed:
    """Lease due orders, or the due ones among the named orders.

    `floor` and `clock` belong to the database of these sessions. Each claim reads the clock.
    """
    terms = replace(terms, limit=min(terms.limit, LARGEST_LIMIT))
    if terms.limit > 0:
        begins_at = floor.to_begin_at(terms.lease_seconds) if terms.order_ids is None else BEFORE_ALL
        asked = clock.seconds()
        rows = await sessions.write(lambda session: _claim_plainly(session, terms, begins_at, sessions.target.budget))
        is_new, others_wait, looked_until, more, now = rows[0][: FIRST_OF_ORDER - 1]
        if clock.was_set(ClockReading(now, asked, clock.seconds()), terms.lease_seconds):
            await clock.correct(sessions)
        if is_new and not others_wait:
            taken = [row for row in rows if row[FIRST_OF_ORDER] is not None]
            if terms.order_ids is None:
                floor.found_nothing_before(
                    _looked_through(taken, looked_until, is_all=len(taken) < terms.limit and not more)
                )
            orders = read_orders([tuple(row)[FIRST_OF_ORDER:] for row in taken])
            return Claimed([kept.order for kept in _in_order(orders, terms)], (), more)
    latest = clock.latest(terms.lease_seconds)
    return await sessions.transact(lambda session: _claim_one_by_one(session, terms, latest))


async def _claim_plainly(
    session: Session, terms: ClaimTerms, begins_at: datetime, budget: RequestBudget
) -> Sequence[Any]:
    most_bytes = bound(terms.max_bytes)
    plain = (terms.claim_id, microseconds(terms.lease_seconds), terms.limit, terms.take_ended_leases)
    if terms.order_ids is not None:
        return await session.rows(claim_statements.CLAIM_NAMED, *plain, _each_once(terms.order_ids), most_bytes)
    cap = min(terms.max_deliveries, LARGEST_VERSION)
    most_vanished = _most_vanished(terms.suspects)
    where = (begins_at, most_bytes, budget.looking_back)
    return await session.rows(claim_statements.CLAIM_DUE, *plain, cap, most_vanished, *where)


def _looked_through(taken: Sequence[Any], looked_until: datetime, *, is_all: bool) -> datetime:
    """Return the time before which a claim has left nothing. A full claim may have left more behind."""
    if is_all:
        return looked_until
    last: datetime = max(row[FIRST_OF_ORDER - 1] for row in taken)
    return min(looked_until, last)


def _in_order(orders: Iterable[PostgresOrder], terms: ClaimTerms) -> Sequence[PostgresOrder]:
    """Return the leased orders as placed or as named: the database returns them unordered."""
    if terms.order_ids is None:
        return sorted(orders)
    places = {order_id: place for place, order_id in enumerate(terms.order_ids)}
    return sorted(orders, key=lambda kept: places[kept.order.order_id])


async def _claim_one_by_one(session: Session, terms: ClaimTerms, latest: datetime) -> Claimed:
    """Decide on every claimable order, including those with expired leases.

    Expired leases are skipped if the time has jumped beyond `latest` or was just corrected: their holders got them by
    another clock and renew them meanwhile.
    """
    while_renewed = microseconds(terms.lease_seconds * PART_OF_LEASE)
    ((is_new, now, token_floor, was_corrected),) = await session.rows(
        claim_statements.BEGIN_CLAIM, terms.claim_id, while_renewed
    )
    if not is_new:
        after = "" if terms.after is None else terms.after
        held, more = read_bounded(
            await session.rows(claim_statements.HELD, terms.claim_id, after, bound(terms.max_bytes))
        )
        return Claimed([kept.order for kept in held], (), more)
    if terms.limit <= 0:
        return Claimed((), ())
    take_ended_leases = terms.take_ended_leases and now <= latest and not was_corrected
    claiming = _PostgresClaim(replace(terms, take_ended_leases=take_ended_leases), now, token_floor)
    if terms.order_ids is not None:
        portions = _named_portions(session, claiming, _each_once(terms.order_ids))
    else:
        portions = _portions(session, claiming, now)
    async for portion in portions:
        claiming.take(portion)
    await claiming.steps.write(session)
    return Claimed(claiming.claimed, claiming.ended, claiming.more)


class _PostgresClaim:
    """A running claim: its results so far, and the terms for the rest."""

    def __init__(self, terms: ClaimTerms, now: datetime, token_floor: int) -> None:
        self.steps = OrderChanges()
        self.claimed: list[Order] = []
        self.ended: list[Order] = []
        self.terms = terms
        self.more = False
        self._budget = ByteBudget(terms.max_bytes)
        self._now = now
        self._token_floor = token_floor

    @property
    def places_left(self) -> int:
        """Number of orders that may still be claimed or ended."""
        return 0 if self.more else self.terms.limit - len(self.claimed) - len(self.ended)

    @property
    def bytes_left(self) -> int:
        """Size limit of the next page of candidates."""
        left = self._budget.left
        return bound(None if left is None else max(left, 0))

    def take(self, candidates: Iterable[PostgresOrder]) -> None:
        """Claim or end candidates up to the limit, skipping those that cannot be claimed."""
        for kept in candidates:
            if self.places_left == 0:
                return
            decision = claim(kept.order, self.terms, self._now, self._token_floor)
            if isinstance(decision, Refusal):
                continue
            if not self._budget.admits(kept.order.size):
                self.more = True
                return
            self.steps.take(kept, decision.order, decision.event)
            self._note(decision.order)

    def _note(self, order: Order) -> None:
        if order.status.ended:
            self.ended.append(order)
            return
        self.claimed.append(order)
        if order.vanished:
            self.terms = replace(self.terms, suspects=self.terms.suspects.with_suspect(order.vanished))


async def _named_portions(
    session: Session, claiming: _PostgresClaim, order_ids: list[str]
) -> AsyncIterator[Sequence[PostgresOrder]]:
    """Yield the orders with these ids in pages within the remaining size limit."""
    while order_ids and claiming.places_left:
        candidates, more = read_bounded(await session.rows(claim_statements.NAMED, order_ids, claiming.bytes_left))
        yield candidates
        if not more:
            return
        del order_ids[: order_ids.index(candidates[-1].order.order_id) + 1]


async def _portions(
    session: Session, claiming: _PostgresClaim, now: datetime
) -> AsyncIterator[Sequence[PostgresOrder]]:
    """Yield the claimable orders in pages of as many as may still be claimed.

    Skipped orders are not read again on the next page, for which the room for suspects is recomputed.
    """
    place = (BEFORE_ALL, 0)
    while limit := claiming.places_left:
        terms = claiming.terms
        cap, most_vanished = min(terms.max_deliveries, LARGEST_VERSION), _most_vanished(terms.suspects)
        wanted = (now, *place, limit, terms.take_ended_leases, cap, most_vanished, claiming.bytes_left)
        candidates, more = read_bounded(await session.rows(claim_statements.DUE, *wanted))
        yield candidates
        if len(candidates) < limit and not more:
            return
        place = _place(candidates[-1])


def _place(candidate: PostgresOrder) -> tuple[datetime, int]:
    """Return the position of a candidate in claim order: due time and serial number."""
    order = candidate.order
    return order.lease_ends or order.due or order.updated_at, candidate.serial


def _most_vanished(room: SuspectRoom) -> int:
    """Return the highest vanished count for which there is room, or 0 if there is none."""
    for vanished in range(1, DISTINCT_COMPANIES + 1):
        if not room.admits(vanished):
            return vanished - 1
    return ANY_NUMBER


def _each_once(order_ids: Iterable[str]) -> list[str]:
    return [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
