"""Cursors of the event stream: which events a reader has seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Status
from order_engine_adapters.postgres.reading.event_cursor import (
    NOTHING,
    LatestEvent,
    SeenSnapshot,
    StreamPosition,
    is_marked,
    read_cursor,
    seen_by,
    write_cursor,
)

HISTORY = "0123456789abcdef"
PRESENT = "90:100:90,95"
EVENT = Event("order", 1, EventType.PLACED, Status.PENDING, datetime(2026, 1, 1, tzinfo=UTC))
LATEST = LatestEvent(50, 7, EVENT)


@pytest.mark.parametrize(
    ("snapshot", "seen"),
    [
        ("60:60:", "51:51:"),
        ("40:60:40,45", "40:51:40,45"),
        ("40:60:40,50,51,55", "40:51:40,50"),
        ("51:60:51,55", "51:51:"),
        ("51:51:", "51:51:"),
    ],
)
def test_a_snapshot_ends_with_the_latest_event(snapshot: str, seen: str) -> None:
    """The cursor contains nothing about later transactions, not even running ones, and can be parsed."""
    assert seen_by(snapshot, LATEST) == SeenSnapshot(seen, LATEST.mark)
    place = StreamPosition(seen, None, 0, LATEST.mark)
    read = read_cursor(write_cursor(HISTORY, place), HISTORY, PRESENT)
    assert read == place
    assert is_marked(read, LATEST)
    assert not is_marked(read, LATEST._replace(transaction_id=51))
    assert not is_marked(read, LATEST._replace(serial=8))
    assert not is_marked(read, None)


def test_a_snapshot_that_sees_no_event_has_seen_nothing() -> None:
    """Whatever transactions it saw: none of them wrote an event."""
    assert seen_by("40:60:40", None) == SeenSnapshot(NOTHING, None)
    assert is_marked(StreamPosition(NOTHING, None, 0, None), LATEST)


@pytest.mark.parametrize(
    "snapshot", ["51:50:", "0:50:", "50:101:", "40:50:40,40", "40:50:45,41", "40:50:39", "40:50:50", "40:50:,"]
)
def test_what_is_no_snapshot_of_the_past_is_refused(snapshot: str) -> None:
    """Neither one that the server could not read, nor one of a time that it has not seen."""
    for place in (StreamPosition(snapshot, None, 0, LATEST.mark), StreamPosition(NOTHING, snapshot, 3, LATEST.mark)):
        with pytest.raises(InvalidCursor):
            read_cursor(write_cursor(HISTORY, place), HISTORY, PRESENT)
