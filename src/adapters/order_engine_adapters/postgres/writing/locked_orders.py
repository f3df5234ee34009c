"""Orders locked by transactions of others, as found by reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

REMEMBERED_SECONDS: Final = 5.0
"""How long an order is recorded: longer than the engine's delay before it reports again."""


class LockedOrders:
    """Locked orders known to this process, so that a report on nothing else can wait for the lock itself."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Start empty. `seconds` is a monotonic clock."""
        self._seconds = seconds
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        """Return the number of recorded orders."""
        return len(self._until)

    def hold(self, order_ids: Iterable[str]) -> bool:
        """Return whether all of these orders were locked at their last report."""
        now = self._seconds()
        return all(self._until.get(order_id, now) > now for order_id in order_ids)

    def note(self, order_ids: Iterable[str], busy: Iterable[str]) -> None:
        """Record which of these orders are locked, and drop old entries."""
        for order_id in order_ids:
            self._until.pop(order_id, None)
        now = self._seconds()
        self._until.update(dict.fromkeys(busy, now + REMEMBERED_SECONDS))
        # Sorted by the time of recording.
        while self._until and self._until[oldest := next(iter(self._until))] <= now:
            del self._until[oldest]
