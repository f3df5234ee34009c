"""Ledger of all events in the repository, compared with its counters at each check."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Final

from order_engine.domain.events import STATUS_AFTER, Event, EventType
from order_engine.domain.metrics import MICROSECOND, Statistics
from order_engine.domain.order import Status
from order_engine.ports.repository import Cursor, EventPage
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.world import World

PAGE: Final = 1000
FINAL: Final = frozenset({EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED})


class Ledger:
    """Reads all events directly from the repository."""

    def __init__(self, world: World) -> None:
        """Start before the first event."""
        self._world = world
        self._cursor: Cursor | None = None
        self._counts = dict.fromkeys(Status, 0)
        self._microseconds = 0
        self._started: dict[str, datetime] = {}
        self.histories: dict[str, list[Event]] = defaultdict(list)
        self.seen: dict[tuple[str, int], float] = {}
        """Loop time at which each event was first seen, by order id and version."""
        self.unfinished: dict[str, None] = {}
        """Orders that have not ended."""

    def check(self) -> None:
        """Read new events, and compare the counters with those computed from all events (P8)."""
        while True:
            page: EventPage = drive(self._world.store.events(self._cursor, PAGE))
            self._cursor = page.next
            for event in page.events:
                self._enter(event)
            if len(page.events) < PAGE:
                break
        statistics: Statistics = drive(self._world.store.statistics())
        expected = Statistics(len(self.histories), self._counts, self._microseconds)
        if statistics != expected:
            self._world.record.violate("P8", f"the metrics are {statistics}, those of the history {expected}")

    def _enter(self, event: Event) -> None:
        history = self.histories[event.order_id]
        before = history[-1] if history else None
        if event.version != len(history) + 1:
            self._violate(event, f"version {event.version} follows version {len(history)}")
        if event.status is not STATUS_AFTER[event.type]:
            self._violate(event, f"event {event.type} has the status {event.status}")
        if before is not None:
            self._counts[before.status] -= 1
            if before.type in FINAL and not (before.type is EventType.FAILED and event.type is EventType.REDRIVEN):
                self._violate(event, f"event {event.type} follows {before.type}")
        self._counts[event.status] += 1
        if event.type in FINAL:
            self.unfinished.pop(event.order_id, None)
        else:
            self.unfinished[event.order_id] = None
        self._time(event)
        history.append(event)
        self.seen[event.order_id, event.version] = self._world.loop.time()

    def _time(self, event: Event) -> None:
        if event.type is EventType.CLAIMED:
            self._started.setdefault(event.order_id, event.at)
        elif event.type is EventType.REDRIVEN:
            self._started.pop(event.order_id, None)
        elif event.type is EventType.COMPLETED:
            started = self._started.get(event.order_id)
            if started is None:
                self._violate(event, "completed without a claim")
            else:
                self._microseconds += (event.at - started) // MICROSECOND

    def _violate(self, event: Event, what: str) -> None:
        self._world.record.violate("P3", f"{event.order_id}: {what}", event.order_id)
