"""The stream of all events, without missing late commits.

A serial number is assigned before its transaction commits, so a reader that continues after the highest number misses
later commits with lower numbers. A cursor therefore contains a snapshot, which determines exactly which transactions
the reader has seen. The next events are those that a newer snapshot sees and the old one does not, in the order of
their serial numbers. While these are read in pages, the cursor contains both snapshots and the position between them.

The events of an order arrive in version order: the transaction of a later version waited for the commit of the earlier
one, so no snapshot sees only the later one; and within one snapshot the serial numbers decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from order_engine.domain.events import Event
from order_engine.ports.repository import Cursor, EventPage
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.reading.event_cursor import (
    NOTHING,
    LatestEvent,
    SeenSnapshot,
    StreamPosition,
    foreign,
    is_marked,
    read_cursor,
    seen_by,
    write_cursor,
)
from order_engine_adapters.postgres.rows import EVENT, LARGEST_INTEGER, read_event
from order_engine_adapters.postgres.token_floor import TIMELINE_OF_PRIMARY

FEW_EVENTS: Final = 10_000
"""Up to this many new events are found by transaction id and sorted for every page, within milliseconds."""

MARKED: Final = f"e.transaction_id::text::bigint, e.serial, {EVENT}"

TIMELINE: Final = f"""CASE WHEN pg_is_in_recovery()
    THEN (SELECT lpad(upper(to_hex(timeline_id)), 8, '0') FROM pg_control_checkpoint())
    ELSE {TIMELINE_OF_PRIMARY} END"""  # noqa: S608 - constants

PRESENT: Final = f"""
SELECT substr(md5(concat_ws(' ', i.name, i.tableoid, here.oid, server.system_identifier, {TIMELINE})), 1, 16),
    present.snapshot::text, latest.*
FROM order_engine.identity AS i, pg_control_system() AS server, pg_database AS here,
    (SELECT CASE WHEN pg_is_in_recovery()
        THEN concat(pg_snapshot_xmin(now), ':', pg_snapshot_xmin(now), ':')::pg_snapshot ELSE now END AS snapshot
        FROM (SELECT pg_current_snapshot()) AS current (now)) AS present
LEFT JOIN LATERAL (
    SELECT {MARKED} FROM order_engine.events AS e JOIN order_engine.contents AS c ON c.serial = e.order_serial
    WHERE e.transaction_id < pg_snapshot_xmax(present.snapshot) ORDER BY e.transaction_id DESC LIMIT 1
) AS latest ON true
WHERE here.datname = current_database()
"""  # noqa: S608 - constants
"""Name of the history, current snapshot, and its latest event.

The table's OID distinguishes a restored schema from the replaced one. A standby reports only the oldest running
transaction, so its snapshot ends there.
"""

MARKS: Final = f"""
SELECT {MARKED} FROM order_engine.events AS e JOIN order_engine.contents AS c ON c.serial = e.order_serial
WHERE e.serial = ANY ($1::bigint[])
"""  # noqa: S608 - constants

_NEW: Final = """
    SELECT e.* FROM order_engine.events AS e
    WHERE e.transaction_id >= pg_snapshot_xmax($1::text::pg_snapshot)
        AND e.transaction_id < pg_snapshot_xmax($2::text::pg_snapshot)
    UNION ALL
    SELECT e.* FROM unnest(ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) AS open (id)
    JOIN order_engine.events AS e ON e.transaction_id = open.id
"""
"""Events outside a snapshot: those of transactions that started after it or were running then."""

BY_TRANSACTION: Final = f"""
WITH fresh AS MATERIALIZED ({_NEW} LIMIT {FEW_EVENTS + 1})
SELECT counted.number, page.* FROM (SELECT count(*) AS number FROM fresh) AS counted LEFT JOIN LATERAL (
    SELECT e.serial, {EVENT} FROM fresh AS e JOIN order_engine.contents AS c ON c.serial = e.order_serial
    WHERE e.serial > $3 AND pg_visible_in_snapshot(e.transaction_id, (SELECT $2::text::pg_snapshot))
    ORDER BY e.serial LIMIT $4
) AS page ON true
"""  # noqa: S608 - constants
"""A page for a reader near the end. Its cost does not depend on the position of late events."""

FIRST_NEW: Final = f"SELECT coalesce(min(serial + 0), 1) - 1 FROM ({_NEW}) AS fresh"  # noqa: S608 - constants
"""The position before the first unseen event. The addition keeps the planner from scanning by serial number from the
very first event."""

BY_SERIAL: Final = f"""
SELECT e.serial, {EVENT} FROM order_engine.events AS e JOIN order_engine.contents AS c ON c.serial = e.order_serial
WHERE e.serial > $3 AND NOT pg_visible_in_snapshot(e.transaction_id, (SELECT $1::text::pg_snapshot))
    AND pg_visible_in_snapshot(e.transaction_id, (SELECT $2::text::pg_snapshot))
ORDER BY e.serial LIMIT $4
"""  # noqa: S608 - constants
"""A page for a reader far from the end."""


IS_RESTORED: Final = """
SELECT EXISTS (
    SELECT FROM order_engine.events WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
)"""
ADOPT: Final = """
UPDATE order_engine.events SET transaction_id = '3'
WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
"""


async def events(sessions: Sessions, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
    """Return events of all orders."""
    return await sessions.read(lambda session: _page(session, after, min(limit, LARGEST_INTEGER), until))


async def adopt_events(sessions: Sessions) -> None:
    """Mark the events of a restored dump as committed long ago.

    They contain transaction ids of the original cluster, some of which may not be assigned here yet; readers would not
    see these events. Cursors of the original cluster are invalid here.
    """
    if await sessions.read(lambda session: session.value(IS_RESTORED)):
        await sessions.transact(lambda session: session.rows(ADOPT))


async def _page(session: Session, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
    ((history, present, *found),) = await session.rows(PRESENT)
    latest = _latest(*found)
    places = [read_cursor(cursor, history, present) for cursor in (after, until) if cursor is not None]
    await _refuse_left(session, [place for place in places if not is_marked(place, latest)])
    end = places[-1].end if until is not None else seen_by(present, latest)
    beginning = _behind(NOTHING, end) if limit > 0 else _through(end)
    place = beginning if after is None else places[0]
    if limit <= 0:
        return EventPage([], write_cursor(history, place), [])
    place, rows = await _rows(session, place, limit)
    if not rows and place.end.snapshot != end.snapshot:
        # Everything in that snapshot was read: continue with the current one.
        place, rows = await _rows(session, _behind(place.end.snapshot, end), limit)
    cursors = [write_cursor(history, place._replace(serial=row[0])) for row in rows]
    return EventPage(_events(rows), write_cursor(history, _after(place, rows, limit)), cursors)


async def _refuse_left(session: Session, places: Sequence[StreamPosition]) -> None:
    """Raise InvalidCursor for a position in a discarded history: its last event does not exist.

    If that event is the latest one, the check is not needed.
    """
    wanted = [place.mark.serial for place in places if place.mark is not None]
    rows = await session.rows(MARKS, wanted) if wanted else []
    found = {row[1]: _latest(*row) for row in rows}
    if not all(is_marked(place, found.get(place.mark.serial) if place.mark else None) for place in places):
        raise foreign()


async def _rows(session: Session, place: StreamPosition, limit: int) -> tuple[StreamPosition, Sequence[Any]]:
    """Return the next events of the current snapshot, and where the search started."""
    if place.reading is None:
        return place, []
    if place.seen != NOTHING:
        found = await session.rows(BY_TRANSACTION, place.seen, place.reading, place.serial, limit)
        if found[0][0] <= FEW_EVENTS:
            return place, [tuple(row)[1:] for row in found if row[1] is not None]
        if place.serial == 0:
            place = place._replace(serial=await session.value(FIRST_NEW, place.seen, place.reading))
    return place, await session.rows(BY_SERIAL, place.seen, place.reading, place.serial, limit)


def _behind(seen: str, end: SeenSnapshot) -> StreamPosition:
    """Return the position before the first event that is in `end` and not in a snapshot."""
    return StreamPosition(seen, end.snapshot, 0, end.mark)


def _through(end: SeenSnapshot) -> StreamPosition:
    """Return the position of a reader that has seen everything up to an end."""
    return StreamPosition(end.snapshot, None, 0, end.mark)


def _after(place: StreamPosition, rows: Sequence[Any], limit: int) -> StreamPosition:
    """Return the position after a page. A partial page is the last one of its snapshot."""
    if place.reading is None or len(rows) == limit:
        return place._replace(serial=rows[-1][0]) if rows else place
    return _through(place.end)


def _events(rows: Sequence[Any]) -> list[Event]:
    return [read_event(*row) for _, *row in rows]


def _latest(transaction_id: int | None, serial: int, *event: Any) -> LatestEvent | None:  # noqa: ANN401 - a row's columns
    return None if transaction_id is None else LatestEvent(transaction_id, serial, read_event(*event))
