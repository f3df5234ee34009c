"""Placing orders: one statement if everything is new, else decisions of the domain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.errors import Unavailable
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, takes_long
from order_engine.ports.batch_rules import PlacementBatch, Stamp, placed_order
from order_engine.ports.repository import Added, AddOutcome
from order_engine_adapters.postgres.claim_floor import BEFORE_ALL
from order_engine_adapters.postgres.connection.failures import is_unstorable
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Connection
from order_engine_adapters.postgres.reading.orders import MET
from order_engine_adapters.postgres.rows import items_text, microseconds, read_orders, storable
from order_engine_adapters.postgres.writing.insert_batch import InsertBatch, all_new
from order_engine_adapters.postgres.writing.insert_statements import BINDINGS, NOW, STORE, STORE_NEW
from order_engine_adapters.postgres.writing.locked_names import CONTENDED_LOCK_WAIT, LockedNames
from order_engine_adapters.postgres.writing.order_changes import columns

PLACEMENT_COLUMNS: Final = 8
KEY_COLUMNS: Final = 4

MAX_INSERT_RETRIES: Final = 20
"""How often a call retries after another transaction stored one of its ids or keys first. Each of these is decided
then."""

NOTHING_STORED: Final = Stamp(BEFORE_ALL, 0)
"""The stamp if there is nothing to stamp."""

_REFUSED: Final = Added(AddOutcome.REFUSED, None, "PostgreSQL cannot store a text of this order.")
_BUSY: Final = Added(AddOutcome.BUSY)
_TOO_LARGE: Final = Added(AddOutcome.REFUSED, None, "PostgreSQL cannot store a value of this size.")


class _LockTimeoutError(Exception):
    """An id or key stayed locked by another transaction; nothing was changed."""


async def add(
    sessions: Sessions, locked: LockedNames, placements: Sequence[Placement], hold: ClaimTerms | None
) -> Sequence[Added]:
    """Store new orders. The first ones are leased on the terms of `hold`.

    Placements with a locked id or key are retried only in a call without others.
    """
    if not placements:
        return []
    if not locked:
        return await _add(sessions, locked, placements, hold)
    busy = [locked.hold(placement) for placement in placements]
    if all(busy):
        return await _add_beside_locks(sessions, locked, placements, hold)
    return _with_busy(busy, await _add(sessions, locked, _free(placements, busy), hold))


async def _add(
    sessions: Sessions, locked: LockedNames, placements: Sequence[Placement], hold: ClaimTerms | None
) -> Sequence[Added]:
    patience = locked.patience
    try:
        if (batch := await all_new(placements, hold)) is not None:
            stamp = await _store_new(sessions, batch, hold, patience)
            if stamp is not None:
                return [
                    Added(AddOutcome.ADDED, placed_order(placement, hold if held else None, stamp)[0])
                    for placement, (_, held) in zip(placements, batch.contents, strict=True)
                ]
        return await sessions.transact(lambda session: _add_patiently(session, placements, hold, patience))
    except _LockTimeoutError:
        return await _add_beside_locks(sessions, locked, placements, hold)


async def _store_new(sessions: Sessions, batch: InsertBatch, hold: ClaimTerms | None, patience: str) -> Stamp | None:
    """Store a batch if all of it is new, and return its stamp; None otherwise."""

    async def store(session: Session) -> Stamp | None:
        async with _lock_timeouts():
            rows = await session.rows(STORE_NEW, *_arguments(batch, hold), patience)
            return Stamp(*rows[0]) if rows else None

    try:
        return await sessions.write(store)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # Another transaction stored one of them first, or an item cannot be stored. Both are resolved per item.
        if not isinstance(error, asyncpg.UniqueViolationError) and not is_unstorable(error):
            raise
        return None


async def _add_beside_locks(
    sessions: Sessions, locked: LockedNames, placements: Sequence[Placement], hold: ClaimTerms | None
) -> Sequence[Added]:
    """Store what is not locked, and return BUSY for the rest."""

    async def add(session: Session) -> Sequence[Added]:
        # This stores nothing. It waits for locked tables here, so that they are not mistaken for locked names.
        await session.rows(STORE, *_arguments(InsertBatch(), None), *NOTHING_STORED, None)
        await locked.look(session, placements)
        busy = [locked.hold(placement) for placement in placements]
        if all(busy):
            return [_BUSY] * len(placements)
        free = _free(placements, busy)
        return _with_busy(busy, await _add_patiently(session, free, hold, CONTENDED_LOCK_WAIT))

    try:
        return await sessions.transact(add)
    except _LockTimeoutError:
        # Another one was locked in the meantime. The next lookup finds it.
        return [_BUSY] * len(placements)


async def _add_patiently(
    session: Session, placements: Sequence[Placement], hold: ClaimTerms | None, patience: str
) -> Sequence[Added]:
    """Store new orders in a separate transaction, waiting for others no longer than `patience`."""
    async with _lock_timeouts():
        return await add_within(session, placements, hold, patience)


@asynccontextmanager
async def _lock_timeouts() -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise _LockTimeoutError from error


def _free(placements: Sequence[Placement], busy: Sequence[bool]) -> Sequence[Placement]:
    return [placement for placement, is_busy in zip(placements, busy, strict=True) if not is_busy]


def _with_busy(busy: Sequence[bool], outcomes: Sequence[Added]) -> Sequence[Added]:
    """Return an outcome for every item: BUSY, or the next one of `others`."""
    others = iter(outcomes)
    return [_BUSY if is_busy else next(others) for is_busy in busy]


async def add_within(
    session: Session, placements: Sequence[Placement], hold: ClaimTerms | None, patience: str | None = None
) -> Sequence[Added]:
    """Store new orders in the open transaction, which may belong to a host application.

    Waits for other transactions for `patience`, or as the session allows with None.
    """
    for _ in range(MAX_INSERT_RETRIES):
        try:
            async with session.savepoint():
                return await _judge(session, placements, hold, patience)
        except asyncpg.UniqueViolationError:
            # The other transaction has ended, so the next read sees its rows.
            continue
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not is_unstorable(error):
                raise
            return await _add_each(session, placements, hold, patience)
    message = "Too many clients place the same orders concurrently. Nothing was stored."
    raise Unavailable(message)


async def add_for_host(
    connection: Connection, schema: str, placements: Sequence[Placement], hold: ClaimTerms | None
) -> Sequence[Added]:
    """Store new orders in the transaction of a host application, which commits it."""
    if not connection.is_in_transaction():
        message = (
            "add(…, connection=…) requires a connection with an open transaction: async with connection.transaction()."
        )
        raise ValueError(message)
    return await add_within(Session(connection, schema), placements, hold)


async def _add_each(
    session: Session, placements: Sequence[Placement], hold: ClaimTerms | None, patience: str | None
) -> Sequence[Added]:
    """Store the items one by one because one of them cannot be stored: it fails alone."""
    if len(placements) == 1:
        return [_REFUSED if not _is_storable(placements[0]) else _TOO_LARGE]
    outcomes: list[Added] = []
    room = 0 if hold is None else hold.limit
    for placement in placements:
        (added,) = await add_within(session, [placement], hold if room > 0 else None, patience)
        room -= added.outcome is AddOutcome.ADDED
        outcomes.append(added)
    return outcomes


def _is_storable(placement: Placement) -> bool:
    attributes = "" if placement.attributes is None else placement.attributes.text
    optional = (placement.currency, placement.idempotency_key, placement.trace_parent)
    texts = (placement.order_id, placement.user_id, *placement.item_ids, attributes, *filter(None, optional))
    return all(map(storable, texts))


async def _judge(
    session: Session, placements: Sequence[Placement], hold: ClaimTerms | None, patience: str | None
) -> Sequence[Added]:
    bindings = await _bindings(session, placements)
    wanted = {placement.order_id for placement in placements} | {bound.order_id for bound in bindings.values()}
    met = {kept.order.order_id: kept.order for kept in read_orders(await session.rows(MET, sorted(wanted)))}
    stamp = Stamp(*(await session.rows(NOW))[0])
    batch = PlacementBatch(met, bindings, hold, stamp)
    outcomes: list[Added] = []
    for placement in placements:
        outcomes.append(batch.add_one(placement))
        if takes_long(placement):
            await asyncio.sleep(0)
    if batch.placed or batch.keys:
        stored = InsertBatch([(order, order.lease_ends is not None) for order, _ in batch.placed], batch.keys)
        await session.rows(STORE, *_arguments(stored, hold), *stamp, patience)
    return outcomes


async def _bindings(session: Session, placements: Sequence[Placement]) -> dict[str, KeyBinding]:
    keys = {placement.idempotency_key for placement in placements if placement.idempotency_key is not None}
    rows = await session.rows(BINDINGS, sorted(keys)) if keys else []
    return {key: KeyBinding(order_id, made, fingerprint) for key, order_id, made, fingerprint in rows}


def _arguments(batch: InsertBatch, hold: ClaimTerms | None) -> Sequence[Any]:
    """Return the common arguments of both statements, sorted so that concurrent calls do not deadlock.

    Each call waits as a whole at the first id that both have.
    """
    contents = sorted((_row(content, held=held) for content, held in batch.contents), key=lambda row: row[0])
    keys = sorted((key, bound.order_id, bound.order_id_made, bound.fingerprint) for key, bound in batch.keys.items())
    claim_id, lease = (None, 0) if hold is None else (hold.claim_id, microseconds(hold.lease_seconds))
    return (*columns(contents, PLACEMENT_COLUMNS), claim_id, lease, *columns(keys, KEY_COLUMNS))


def _row(
    content: Placement | Order, *, held: bool
) -> tuple[str, str, str, str, str | None, str | None, str | None, bool]:
    return (
        content.order_id,
        content.user_id,
        items_text(content.item_ids),
        str(content.total_amount),
        content.currency,
        None if content.attributes is None else content.attributes.text,
        content.trace_parent,
        held,
    )
