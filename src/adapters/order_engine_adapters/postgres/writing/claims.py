"""Claims: one statement where orders just wait, and the domain's decisions where leases ended or suspects wait."""

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
"""From so many vanished attempts on the company is one, however many orders run at once in 64 bits."""
ANY_NUMBER: Final = LARGEST_VERSION - 1
LARGEST_LIMIT: Final = 1 << 31
FIRST_OF_ORDER: Final = 6
"""Where the order begins in a row of a claim; before it stands since when it could be claimed."""


async def claim_orders(sessions: Sessions, floor: ClaimFloor, clock: DatabaseClock, terms: ClaimTerms) -> Claimed:
    """Hand out due orders, or those of the named ones that are due.

    `floor` and `clock` are of these sessions' database. The clock is read with each claim: that is when it matters.
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
    """Return before which time a claim has left nothing: where it took as much as it might, more may wait behind."""
    if is_all:
        return looked_until
    last: datetime = max(row[FIRST_OF_ORDER - 1] for row in taken)
    return min(looked_until, last)


def _in_order(orders: Iterable[PostgresOrder], terms: ClaimTerms) -> Sequence[PostgresOrder]:
    """Return what was handed out as it was placed, or as it was named: the database tells it in any order."""
    if terms.order_ids is None:
        return sorted(orders)
    places = {order_id: place for place, order_id in enumerate(terms.order_ids)}
    return sorted(orders, key=lambda kept: places[kept.order.order_id])


async def _claim_one_by_one(session: Session, terms: ClaimTerms, latest: datetime) -> Claimed:
    """Decide on every order that may be claimed, leases that have ended among them.

    These are left alone where the time has made a leap, beyond `latest`, or was corrected a moment ago: who holds one
    was given it by another clock, and renews it meanwhile.
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
    """One claim under way: what it took so far, and the terms for the rest."""

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
        """How many more orders may be claimed or ended."""
        return 0 if self.more else self.terms.limit - len(self.claimed) - len(self.ended)

    @property
    def bytes_left(self) -> int:
        """How many bytes the next portion of candidates may have."""
        left = self._budget.left
        return bound(None if left is None else max(left, 0))

    def take(self, candidates: Iterable[PostgresOrder]) -> None:
        """Claim or end candidates up to the limit, passing over those that may not be claimed."""
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
    """Go through the orders of these ids, in portions that fit into what is left of the bound."""
    while order_ids and claiming.places_left:
        candidates, more = read_bounded(await session.rows(claim_statements.NAMED, order_ids, claiming.bytes_left))
        yield candidates
        if not more:
            return
        del order_ids[: order_ids.index(candidates[-1].order.order_id) + 1]


async def _portions(
    session: Session, claiming: _PostgresClaim, now: datetime
) -> AsyncIterator[Sequence[PostgresOrder]]:
    """Go through the orders that may be claimed, in portions of as many as there are places left.

    What is passed over in one portion is not read again in the next, for which the room is looked at anew.
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
    """Return where a candidate stands in the order of the claims: since when it is due, and its serial number."""
    order = candidate.order
    return order.lease_ends or order.due or order.updated_at, candidate.serial


def _most_vanished(room: SuspectRoom) -> int:
    """Return how often an order may have vanished that there is room for now; 0 where there is none for suspects."""
    for vanished in range(1, DISTINCT_COMPANIES + 1):
        if not room.admits(vanished):
            return vanished - 1
    return ANY_NUMBER


def _each_once(order_ids: Iterable[str]) -> list[str]:
    return [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
