"""Claims: one statement for plain orders, decisions of the domain for expired leases and suspects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from order_engine.domain.commands import ClaimTerms
from order_engine.ports.batch_rules import ClaimBatch, Stamp, claimable_since
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
    most_vanished = _max_vanished(terms)
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
    batch = ClaimBatch(replace(terms, take_ended_leases=take_ended_leases), Stamp(now, token_floor))
    if terms.order_ids is not None:
        portions = _named_portions(session, batch, _each_once(terms.order_ids))
    else:
        portions = _portions(session, batch, now)
    steps = OrderChanges()
    async for portion in portions:
        for kept in portion:
            taken = batch.take(kept.order) if batch.places_left else None
            if taken is not None:
                steps.take(kept, taken.order, taken.event)
    await steps.write(session)
    return batch.claimed


async def _named_portions(
    session: Session, batch: ClaimBatch, order_ids: list[str]
) -> AsyncIterator[Sequence[PostgresOrder]]:
    """Yield the orders with these ids in pages within the remaining size limit."""
    while order_ids and batch.places_left:
        candidates, more = read_bounded(await session.rows(claim_statements.NAMED, order_ids, bound(batch.bytes_left)))
        yield candidates
        if not more:
            return
        del order_ids[: order_ids.index(candidates[-1].order.order_id) + 1]


async def _portions(session: Session, batch: ClaimBatch, now: datetime) -> AsyncIterator[Sequence[PostgresOrder]]:
    """Yield the claimable orders in pages of as many as may still be claimed.

    Skipped orders are not read again on the next page, for which the room for suspects is recomputed.
    """
    place = (BEFORE_ALL, 0)
    while limit := batch.places_left:
        terms = batch.terms
        cap, most_vanished = min(terms.max_deliveries, LARGEST_VERSION), _max_vanished(terms)
        wanted = (now, *place, limit, terms.take_ended_leases, cap, most_vanished, bound(batch.bytes_left))
        candidates, more = read_bounded(await session.rows(claim_statements.DUE, *wanted))
        yield candidates
        if len(candidates) < limit and not more:
            return
        place = _place(candidates[-1])


def _place(candidate: PostgresOrder) -> tuple[datetime, int]:
    """Return the position of a candidate in claim order: due time and serial number."""
    return claimable_since(candidate.order), candidate.serial


def _max_vanished(terms: ClaimTerms) -> int:
    most = terms.suspects.max_vanished
    return ANY_NUMBER if most is None else most


def _each_once(order_ids: Iterable[str]) -> list[str]:
    return [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
