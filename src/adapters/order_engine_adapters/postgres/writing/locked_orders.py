"""Orders that transactions of others have locked, as far as reports have met them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

REMEMBERED_SECONDS: Final = 5.0
"""How long an order is remembered: longer than the pause after which the engine reports on it again."""


class LockedOrders:
    """What this process knows of them, so that a report that has nothing else to do may wait at the order itself."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Know of none. `seconds` is a monotonic clock."""
        self._seconds = seconds
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._until)

    def hold(self, order_ids: Iterable[str]) -> bool:
        """Whether all of these orders were locked when they were reported on last."""
        now = self._seconds()
        return all(self._until.get(order_id, now) > now for order_id in order_ids)

    def note(self, order_ids: Iterable[str], busy: Iterable[str]) -> None:
        """Note which of these orders were locked just now, and forget what was noted long ago."""
        for order_id in order_ids:
            self._until.pop(order_id, None)
        now = self._seconds()
        self._until.update(dict.fromkeys(busy, now + REMEMBERED_SECONDS))
        # Sorted by the time of recording.
        while self._until and self._until[oldest := next(iter(self._until))] <= now:
            del self._until[oldest]
