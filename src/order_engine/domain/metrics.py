"""Exact metrics: counters updated with each change, and their recomputation from the history, which must match (P8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Order, Status

MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Statistics:
    """Metrics at one moment. Sums are integers, so that they are exact for any number of orders."""

    total_orders: int
    """Orders ever placed."""
    status_counts: Mapping[Status, int]
    """Number of orders in each of the five statuses, including 0."""
    processing_microseconds: int
    """Sum of `ended_at - processing_started_at` over all Completed orders."""

    @property
    def average_processing_time(self) -> float:
        """Mean time in seconds from the first claim of the round to completion; 0 before the first completion."""
        completed = self.status_counts[Status.COMPLETED]
        return self.processing_microseconds / completed / MICROSECONDS_PER_SECOND if completed else 0.0


def processing_microseconds(order: Order) -> int:
    """Return the processing time of a Completed order since the first claim of its round; 0 for other orders."""
    if order.status is not Status.COMPLETED or order.ended_at is None or order.processing_started_at is None:
        return 0
    return (order.ended_at - order.processing_started_at) // MICROSECOND


@dataclass(slots=True)
class Counters:
    """Counters for repositories that keep them in process memory."""

    total_orders: int = 0
    status_counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    processing_microseconds: int = 0

    def record(self, before: Order | None, after: Order) -> None:
        """Record the change from `before` (None: a new order) to `after`."""
        if before is None:
            self.total_orders += 1
        else:
            self.status_counts[before.status] -= 1
        self.status_counts[after.status] += 1
        if after.status is Status.COMPLETED:
            self.processing_microseconds += processing_microseconds(after)

    def statistics(self) -> Statistics:
        """Return the current metrics."""
        return Statistics(self.total_orders, MappingProxyType(dict(self.status_counts)), self.processing_microseconds)


def fold_statistics(events: Iterable[Event]) -> Statistics:
    """Compute the metrics from complete histories. `events` contains each order's events in version order."""
    statuses: dict[str, Status] = {}
    started: dict[str, datetime] = {}
    total_microseconds = 0
    for event in events:
        statuses[event.order_id] = event.status
        if event.type is EventType.CLAIMED:
            started.setdefault(event.order_id, event.at)
        elif event.type is EventType.REDRIVEN:
            started.pop(event.order_id, None)
        elif event.type is EventType.COMPLETED:
            total_microseconds += (event.at - started[event.order_id]) // MICROSECOND
    counts = dict.fromkeys(Status, 0)
    for status in statuses.values():
        counts[status] += 1
    return Statistics(len(statuses), MappingProxyType(counts), total_microseconds)
