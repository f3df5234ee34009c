"""Events of all orders in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from order_engine.domain.events import Event

FIELDS = len(Event._fields)
NONE_BEFORE = -1


class History:
    """An append-only log of events with access by order.

    The fields of all events are stored in one flat list, and event objects are created on reading. With objects, three
    events and a list per order dominated garbage collection: it took 6 to 12 µs of the 40 µs per order (CPython 3.11, 2
    cores).
    """

    def __init__(self) -> None:
        """Start empty."""
        self._fields: list[object] = []
        self._before = array("q")
        """For each event, the position of the previous event of the same order."""
        self._last: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._before)

    def extend(self, order_id: str, events: Iterable[Event]) -> None:
        """Append events of one order."""
        place, before = len(self._before), self._last.get(order_id, NONE_BEFORE)
        for event in events:
            self._before.append(before)
            self._fields += event
            before = place
            place += 1
        self._last[order_id] = before

    def page(self, start: int, limit: int) -> list[Event]:
        """Return up to `limit` events of all orders, starting at `start`."""
        return [self._event(place) for place in range(start, min(start + limit, len(self)))]

    def of(self, order_id: str, after: int, limit: int) -> list[Event]:
        """Return up to `limit` events of one order with a version greater than `after`."""
        events: list[Event] = []
        place = self._last.get(order_id, NONE_BEFORE)
        while place != NONE_BEFORE:
            event = self._event(place)
            if event.version <= after:
                break
            events.append(event)
            place = self._before[place]
        return events[::-1][:limit]

    def _event(self, place: int) -> Event:
        return Event._make(self._fields[place * FIELDS : (place + 1) * FIELDS])
