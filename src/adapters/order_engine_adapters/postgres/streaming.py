"""The stream of all events, which misses none that committed late.

A serial number is drawn before its transaction commits, so whoever reads on from the highest one misses what commits
later under a lower one. So a cursor holds a snapshot, which says exactly which transactions its reader has seen: the
next events are those that a newer snapshot sees and that one does not, in the order of their serial numbers. While
they are read, in pages, the cursor holds both snapshots and the place between them.

Each order's events come in version order: the transaction of the later version waited for the commit of the earlier
one, so no snapshot sees the later alone; and under one snapshot the serial numbers tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event
from order_engine.ports.repository import Cursor, EventPage
from order_engine_adapters.postgres.rows import EVENT, LARGEST_INTEGER, read_event
from order_engine_adapters.postgres.sessions import Session, Sessions

NOTHING: Final = "1:1:"
"""A snapshot that has seen no transaction at all."""

LONGEST_CURSOR: Final = 64 * 1024
"""Characters. A snapshot names every transaction that was under way when it was taken."""

CURSOR: Final = re.compile(
    r"([0-9a-f]{16})~([0-9]{1,18}:[0-9]{1,18}:[0-9,]*)~((?:[0-9]{1,18}:[0-9]{1,18}:[0-9,]*)?)~(0|[1-9][0-9]{0,17})"
)

FEW_EVENTS: Final = 10_000
"""So many new events are found by their transactions and sorted in some ms, for every page anew."""

NAME: Final = """
SELECT substr(md5(name || (SELECT system_identifier FROM pg_control_system())), 1, 16), pg_current_snapshot()::text
FROM order_engine.identity
"""
"""Tells cursors of this schema from all others, those of a copy in another cluster included: its transactions have
other numbers.
"""

_NEW: Final = """
    SELECT e.* FROM order_engine.events AS e
    WHERE e.transaction_id >= pg_snapshot_xmax($1::text::pg_snapshot)
        AND e.transaction_id < pg_snapshot_xmax($2::text::pg_snapshot)
    UNION ALL
    SELECT e.* FROM unnest(ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) AS open (id)
    JOIN order_engine.events AS e ON e.transaction_id = open.id
"""
"""What a snapshot has not seen: the events of the transactions that began after it, or were open then."""

BY_TRANSACTION: Final = f"""
WITH fresh AS MATERIALIZED ({_NEW} LIMIT {FEW_EVENTS + 1})
SELECT counted.number, page.* FROM (SELECT count(*) AS number FROM fresh) AS counted LEFT JOIN LATERAL (
    SELECT e.serial, {EVENT} FROM fresh AS e JOIN order_engine.contents AS c ON c.serial = e.order_serial
    WHERE e.serial > $3 AND pg_visible_in_snapshot(e.transaction_id, (SELECT $2::text::pg_snapshot))
    ORDER BY e.serial LIMIT $4
) AS page ON true
"""  # noqa: S608 - constants
"""A page for a reader who is nearly at the end. What it costs does not depend on how far back a late event lies."""

FIRST_NEW: Final = f"SELECT coalesce(min(serial + 0), 1) - 1 FROM ({_NEW}) AS fresh"  # noqa: S608 - constants
"""The place before the first event that was not seen. The addition keeps the planner from looking for it along the
serial numbers, from the first event ever."""

BY_SERIAL: Final = f"""
SELECT e.serial, {EVENT} FROM order_engine.events AS e JOIN order_engine.contents AS c ON c.serial = e.order_serial
WHERE e.serial > $3 AND NOT pg_visible_in_snapshot(e.transaction_id, (SELECT $1::text::pg_snapshot))
    AND pg_visible_in_snapshot(e.transaction_id, (SELECT $2::text::pg_snapshot))
ORDER BY e.serial LIMIT $4
"""  # noqa: S608 - constants
"""A page for a reader who has far to go."""


IS_RESTORED: Final = """
SELECT EXISTS (
    SELECT FROM order_engine.events WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
)"""
ADOPT: Final = """
UPDATE order_engine.events SET transaction_id = '3'
WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
"""


class Place(NamedTuple):
    """Where a reader is: what it has seen, and how far it is in what `reading` sees besides (None: it is through)."""

    seen: str
    reading: str | None
    serial: int


async def events(sessions: Sessions, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
    """Return events of all orders."""
    return await sessions.read(lambda session: _page(session, after, min(limit, LARGEST_INTEGER), until))


async def adopt_events(sessions: Sessions) -> None:
    """Let the events of a dump that was restored into another cluster count as committed long ago.

    They carry the numbers of the transactions that wrote them there, some of which may not have been given out here
    yet; without this nobody would be told of them. Cursors from there are foreign here.
    """
    if await sessions.read(lambda session: session.value(IS_RESTORED)):
        await sessions.transact(lambda session: session.rows(ADOPT))


async def _page(session: Session, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
    ((name, present),) = await session.rows(NAME)
    end = present if until is None else _end(_read(until, name, present))
    if after is not None:
        place = _read(after, name, present)
    else:
        place = Place(NOTHING, end, 0) if limit > 0 else Place(end, None, 0)
    if limit <= 0:
        return EventPage([], _cursor(name, place), [])
    place, rows = await _rows(session, place, limit)
    if not rows:
        # What that snapshot saw is read: take the new one.
        place, rows = await _rows(session, Place(_end(place), end, 0), limit)
    cursors = [_cursor(name, place._replace(serial=row[0])) for row in rows]
    return EventPage(_events(rows), _cursor(name, _after(place, rows, limit)), cursors)


async def _rows(session: Session, place: Place, limit: int) -> tuple[Place, Sequence[Any]]:
    """Return the next events of the snapshot that is being read, and where the search for them began."""
    if place.reading is None:
        return place, []
    if place.seen != NOTHING:
        found = await session.rows(BY_TRANSACTION, *place, limit)
        if found[0][0] <= FEW_EVENTS:
            return place, [tuple(row)[1:] for row in found if row[1] is not None]
        if place.serial == 0:
            place = place._replace(serial=await session.value(FIRST_NEW, place.seen, place.reading))
    return place, await session.rows(BY_SERIAL, *place, limit)


def _after(place: Place, rows: Sequence[Any], limit: int) -> Place:
    """Return the place behind a page. One that is not full is the last of its snapshot."""
    if place.reading is None or len(rows) == limit:
        return place._replace(serial=rows[-1][0]) if rows else place
    return Place(place.reading, None, 0)


def _end(place: Place) -> str:
    """Return the snapshot that a reader at this place has seen once it is through."""
    return place.seen if place.reading is None else place.reading


def _events(rows: Sequence[Any]) -> list[Event]:
    return [read_event(*row) for _, *row in rows]


def _cursor(name: str, place: Place) -> Cursor:
    return Cursor(f"{name}~{place.seen}~{place.reading or ''}~{place.serial}")


def _read(cursor: Cursor, name: str, present: str) -> Place:
    """Read a cursor. One of another database, or of a time that this one has not seen, is none of ours."""
    match = CURSOR.fullmatch(cursor) if len(cursor) <= LONGEST_CURSOR and cursor.isascii() else None
    if match is None or match[1] != name:
        raise _foreign()
    place = Place(match[2], match[3] or None, int(match[4]))
    if not all(_is_past(snapshot, present) for snapshot in (place.seen, place.reading) if snapshot is not None):
        raise _foreign()
    return place


def _is_past(snapshot: str, present: str) -> bool:
    """Whether a text is a snapshot, as the server reads one, and not of the future."""
    first, end, under_way = snapshot.split(":")
    try:
        open_then = [int(each) for each in under_way.split(",")] if under_way else []
    except ValueError:
        return False
    in_order = all(before < after for before, after in pairwise([int(first) - 1, *open_then, int(end)]))
    return 0 < int(first) <= int(end) <= int(present.split(":")[1]) and in_order


def _foreign() -> InvalidCursor:
    return InvalidCursor("This cursor was not made by this database. Start without one.")
