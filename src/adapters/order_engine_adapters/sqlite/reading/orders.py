"""Reading histories, events and counters."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event, event_fingerprint
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Status
from order_engine.ports.repository import Cursor, EventPage
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.rows import EVENTS_AS_JSON, LARGEST_INTEGER, read_events

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

CURSOR: Final = re.compile("([0-9a-f]{16}):(0|[1-9][0-9]{0,17}):([0-9a-f]*)")


def history(store: OrderTables, order_id: str, after: int, limit: int) -> Sequence[Event]:
    """Return events of one order."""
    return read_events(
        store.database.ask(HISTORY, (order_id, min(after, LARGEST_INTEGER), min(limit, LARGEST_INTEGER)))
    )[0]


def events(store: OrderTables, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
    """Return events of all orders. The cursor contains the serial number and the fingerprint of the last one."""
    end = store.database.ask(LAST_EVENT) if until is None else _place(store, until)
    start = 0 if after is None else _place(store, after)
    if after is None and limit == 0:
        start = end
    found, serials = read_events(store.database.ask(EVENTS, (start, end, min(limit, LARGEST_INTEGER))))
    cursors = [_cursor(store, serial, event) for serial, event in zip(serials, found, strict=True)]
    return EventPage(found, cursors[-1] if cursors else _cursor(store, start, _event(store, start)), cursors)


def statistics(store: OrderTables) -> Statistics:
    """Return the counters."""
    total_orders, counts, processing_microseconds = json.loads(store.database.ask(STATISTICS))
    status_counts = MappingProxyType(dict(zip(Status, counts, strict=True)))
    return Statistics(total_orders, status_counts, processing_microseconds)


def _place(store: OrderTables, cursor: Cursor) -> int:
    """Return the serial number in a cursor.

    A restored file has the name of the original and assigns its serial numbers again. Only the last seen event shows
    whether the reader of the cursor has seen the beginning of this history.
    """
    match = CURSOR.fullmatch(cursor)
    if match is not None and match[1] == store.database.name:
        serial = int(match[2])
        event = _event(store, serial)
        if (serial == 0 or event is not None) and cursor == _cursor(store, serial, event):
            return serial
    message = "The cursor belongs to another database, or a restore discarded its events. "
    raise InvalidCursor(message + "Start again without a cursor.")


def _event(store: OrderTables, serial: int) -> Event | None:
    found, _ = read_events(store.database.ask(EVENTS, (serial - 1, serial, 1)))
    return found[0] if found else None


def _cursor(store: OrderTables, serial: int, event: Event | None) -> Cursor:
    return Cursor(f"{store.database.name}:{serial}:{event_fingerprint(event) if event is not None else ''}")
