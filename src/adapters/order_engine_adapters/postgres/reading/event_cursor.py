"""Cursors of the event stream as text: which transactions a reader has seen, and in which history.

After a restore or a promotion, PostgreSQL assigns transaction ids and serial numbers again, so a cursor may refer to
other events. Two checks detect this:

* The name of the history: of the database, of the server's cluster and of its timeline, which changes with a promotion
  and a point-in-time recovery.
* The latest event by transaction id that the newest snapshot of the cursor has seen. Servers whose files were copied
  back, or that lost commits in a crash, stay on their timeline. Ids are assigned in order, so while that event exists,
  no lower id was assigned again; and the snapshot is truncated after it, so that it covers no higher ids.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event, event_fingerprint
from order_engine.ports.repository import Cursor

NOTHING: Final = "1:1:"
"""A snapshot that has seen no transaction."""

LONGEST_CURSOR: Final = 64 * 1024
"""Characters. A snapshot lists every transaction that was running when it was taken."""

SNAPSHOT: Final = "[0-9]{1,18}:[0-9]{1,18}:[0-9,]*"
CURSOR: Final = re.compile(
    rf"([0-9a-f]{{16}})~({SNAPSHOT})~((?:{SNAPSHOT})?)~(0|[1-9][0-9]{{0,17}})~(?:([1-9][0-9]{{0,17}})-([0-9a-f]{{16}}))?"
)


class EventMark(NamedTuple):
    """The latest event in a snapshot: serial number and fingerprint."""

    serial: int
    fingerprint: str


class LatestEvent(NamedTuple):
    """An event and the transaction that wrote it."""

    transaction_id: int
    serial: int
    event: Event

    @property
    def mark(self) -> EventMark:
        """Return the mark of this event for a cursor."""
        return EventMark(self.serial, event_fingerprint(self.event))


class SeenSnapshot(NamedTuple):
    """A snapshot that ends with its latest event, or None without events."""

    snapshot: str
    mark: EventMark | None


class StreamPosition(NamedTuple):
    """Position of a reader: what it has seen, and how far it is in the snapshot `reading` (None: finished).

    `mark` belongs to `reading` if set, else to `seen`.
    """

    seen: str
    reading: str | None
    serial: int
    mark: EventMark | None

    @property
    def end(self) -> SeenSnapshot:
        """What a reader at this position will have seen after the current snapshot."""
        return SeenSnapshot(self.seen if self.reading is None else self.reading, self.mark)


def seen_by(snapshot: str, latest: LatestEvent | None) -> SeenSnapshot:
    """Truncate a snapshot after the latest event that it contains."""
    if latest is None:
        return SeenSnapshot(NOTHING, None)
    end = latest.transaction_id + 1
    _, _, under_way = snapshot.split(":")
    open_then = [each for each in under_way.split(",") if each and int(each) < end]
    return SeenSnapshot(f"{open_then[0] if open_then else end}:{end}:{','.join(open_then)}", latest.mark)


def write_cursor(history: str, place: StreamPosition) -> Cursor:
    """Return a position as text."""
    mark = "" if place.mark is None else f"{place.mark.serial}-{place.mark.fingerprint}"
    return Cursor(f"{history}~{place.seen}~{place.reading or ''}~{place.serial}~{mark}")


def read_cursor(cursor: Cursor, history: str, present: str) -> StreamPosition:
    """Return the position in a cursor.

    Raises InvalidCursor for another history, and for a time that this history has not reached. The caller still has to
    check the mark.
    """
    match = CURSOR.fullmatch(cursor) if len(cursor) <= LONGEST_CURSOR and cursor.isascii() else None
    if match is None or match[1] != history:
        raise foreign()
    mark = None if match[5] is None else EventMark(int(match[5]), match[6])
    place = StreamPosition(match[2], match[3] or None, int(match[4]), mark)
    if not all(_is_past(snapshot, present) for snapshot in (place.seen, place.reading) if snapshot is not None):
        raise foreign()
    return place


def foreign() -> InvalidCursor:
    """Return the error for a cursor of another database or history."""
    message = "The cursor belongs to another database, or a restore or failover discarded its events. "
    return InvalidCursor(message + "Start again without a cursor.")


def is_marked(place: StreamPosition, latest: LatestEvent | None) -> bool:
    """Return whether the event at the serial number of the mark, None if missing, is the marked one."""
    snapshot, mark = place.end
    if mark is None or latest is None:
        return mark is None and snapshot == NOTHING
    return latest.mark == mark and snapshot.split(":")[1] == str(latest.transaction_id + 1)


def _is_past(snapshot: str, present: str) -> bool:
    """Return whether a text is a valid snapshot that is not in the future."""
    first, end, under_way = snapshot.split(":")
    try:
        open_then = [int(each) for each in under_way.split(",")] if under_way else []
    except ValueError:
        return False
    in_order = all(before < after for before, after in pairwise([int(first) - 1, *open_then, int(end)]))
    return 0 < int(first) <= int(end) <= int(present.split(":")[1]) and in_order
