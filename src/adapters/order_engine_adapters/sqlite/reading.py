"""Reading history, events and counters."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Status
from order_engine.ports.repository import Cursor, EventPage
from order_engine_adapters.sqlite.rows import EVENTS_AS_JSON, LARGEST_INTEGER, read_events
from order_engine_adapters.sqlite.store import Store

HISTORY: Final = f"""
SELECT {EVENTS_AS_JSON} FROM (
    SELECT events.* FROM events JOIN orders ON orders.serial = order_serial
    WHERE order_id = ? AND events.version > ? ORDER BY events.version LIMIT ?
) AS events JOIN orders ON orders.serial = order_serial
"""  # noqa: S608 - constants

EVENTS: Final = f"""
SELECT {EVENTS_AS_JSON} FROM (
    SELECT * FROM events WHERE serial > ? AND serial <= ? ORDER BY serial LIMIT ?
) AS events CROSS JOIN orders ON orders.serial = order_serial
"""  # noqa: S608 - constants

LAST_EVENT: Final = "SELECT coalesce(max(serial), 0) FROM events"

STATISTICS: Final = (
    "SELECT json_array(total_orders, json_array(pending, processing, completed, failed, cancelled), "
    "processing_microseconds) FROM statistics"
)

CURSOR: Final = re.compile("([0-9a-f]{16}):(0|[1-9][0-9]{0,17})")


def history(store: Store, order_id: str, after: int, limit: int) -> Sequence[Event]:
    """Return events of one order."""
    return read_events(
        store.database.ask(HISTORY, (order_id, min(after, LARGEST_INTEGER), min(limit, LARGEST_INTEGER)))
    )[0]


def events(store: Store, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
    """Return events of all orders; the cursor holds the serial number of the last."""
    name = store.database.name
    last: int = store.database.ask(LAST_EVENT)
    end = last if until is None else _place(name, until, last)
    start = 0 if after is None else _place(name, after, last)
    if after is None and limit == 0:
        start = end
    found, serials = read_events(store.database.ask(EVENTS, (start, end, min(limit, LARGEST_INTEGER))))
    cursors = [Cursor(f"{name}:{serial}") for serial in (start, *serials)]
    return EventPage(found, cursors[-1], cursors[1:])


def statistics(store: Store) -> Statistics:
    """Return the counters."""
    total_orders, counts, processing_microseconds = json.loads(store.database.ask(STATISTICS))
    status_counts = MappingProxyType(dict(zip(Status, counts, strict=True)))
    return Statistics(total_orders, status_counts, processing_microseconds)


def _place(database: str, cursor: Cursor, last: int) -> int:
    match = CURSOR.fullmatch(cursor)
    if match is None or match[1] != database or int(match[2]) > last:
        message = "This cursor was not made by this database. Start without one."
        raise InvalidCursor(message)
    return int(match[2])
