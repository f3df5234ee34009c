"""Cursors of the stream of all events as text: which transactions their reader has seen, and in which history.

After a restore or a promotion PostgreSQL gives transaction ids and serial numbers a second time, so what a cursor has
seen may be something else by now. Two things tell:

* the history's name: of the database, of the server's cluster and of its timeline, which a promotion and a recovery to
  a point in time begin anew;
* the latest event, by transaction id, that the cursor's newest snapshot has seen. Servers whose files were copied back
  or that lost commits in a crash stay on their timeline. Ids are given out in order, so as long as that event is there,
  no lower id was given a second time; and the snapshot is cut off behind it, so that it says nothing of higher ones.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event, event_fingerprint
from order_engine.ports.repository import Cursor

NOTHING: Final = "1:1:"
"""A snapshot that has seen no transaction at all."""

LONGEST_CURSOR: Final = 64 * 1024
"""Characters. A snapshot names every transaction that was under way when it was taken."""

SNAPSHOT: Final = "[0-9]{1,18}:[0-9]{1,18}:[0-9,]*"
CURSOR: Final = re.compile(
    rf"([0-9a-f]{{16}})~({SNAPSHOT})~((?:{SNAPSHOT})?)~(0|[1-9][0-9]{{0,17}})~(?:([1-9][0-9]{{0,17}})-([0-9a-f]{{16}}))?"
)


class EventMark(NamedTuple):
    """The latest event that a snapshot has seen: its serial number, and its fingerprint."""

    serial: int
    fingerprint: str


class LatestEvent(NamedTuple):
    """An event with the transaction that wrote it."""

    transaction_id: int
    serial: int
    event: Event

    @property
    def mark(self) -> EventMark:
        """Return what a cursor holds of it."""
        return EventMark(self.serial, event_fingerprint(self.event))


class SeenSnapshot(NamedTuple):
    """A snapshot that ends with the latest event it has seen; None where it has seen none."""

    snapshot: str
    mark: EventMark | None


class StreamPosition(NamedTuple):
    """Where a reader is: what it has seen, and how far it is in what `reading` sees besides (None: it is through).

    `mark` is that of `reading`, else that of `seen`.
    """

    seen: str
    reading: str | None
    serial: int
    mark: EventMark | None

    @property
    def end(self) -> SeenSnapshot:
        """What a reader at this place has seen once it is through."""
        return SeenSnapshot(self.seen if self.reading is None else self.reading, self.mark)


def seen_by(snapshot: str, latest: LatestEvent | None) -> SeenSnapshot:
    """Cut a snapshot off behind the latest event that it sees."""
    if latest is None:
        return SeenSnapshot(NOTHING, None)
    end = latest.transaction_id + 1
    _, _, under_way = snapshot.split(":")
    open_then = [each for each in under_way.split(",") if each and int(each) < end]
    return SeenSnapshot(f"{open_then[0] if open_then else end}:{end}:{','.join(open_then)}", latest.mark)


def write_cursor(history: str, place: StreamPosition) -> Cursor:
    """Return a place as text."""
    mark = "" if place.mark is None else f"{place.mark.serial}-{place.mark.fingerprint}"
    return Cursor(f"{history}~{place.seen}~{place.reading or ''}~{place.serial}~{mark}")


def read_cursor(cursor: Cursor, history: str, present: str) -> StreamPosition:
    """Return the place in a cursor.

    Raises InvalidCursor for one of another history, and of a time that this one has not seen. Whether its mark is there
    is still to be looked at.
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
    """Whether the event with the serial number of a place's mark, None where there is none, is the one it marks."""
    snapshot, mark = place.end
    if mark is None or latest is None:
        return mark is None and snapshot == NOTHING
    return latest.mark == mark and snapshot.split(":")[1] == str(latest.transaction_id + 1)


def _is_past(snapshot: str, present: str) -> bool:
    """Whether a text is a snapshot, as the server reads one, and not of the future."""
    first, end, under_way = snapshot.split(":")
    try:
        open_then = [int(each) for each in under_way.split(",")] if under_way else []
    except ValueError:
        return False
    in_order = all(before < after for before, after in pairwise([int(first) - 1, *open_then, int(end)]))
    return 0 < int(first) <= int(end) <= int(present.split(":")[1]) and in_order
