"""Approximate size of an order, used to limit batches, claims and pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from order_engine.domain.content.attributes import Attributes

OVERHEAD_BYTES: Final = 200
"""Size of the small fields of an order."""
BYTES_PER_ITEM: Final = 4
"""Overhead of an item in addition to its id."""


def content_size(item_ids: Sequence[str], attributes: Attributes | None) -> int:
    """Return the approximate size in bytes of an order with this content."""
    items = sum(map(len, item_ids)) + BYTES_PER_ITEM * len(item_ids)
    return OVERHEAD_BYTES + items + (0 if attributes is None else attributes.size)


class ByteBudget:
    """Limit on the bytes of one answer. The first item is always allowed, whatever its size."""

    def __init__(self, most: int | None) -> None:
        """Allow up to `most` bytes; None: no limit."""
        self._most = most
        self.used: int = 0

    @property
    def left(self) -> int | None:
        """Remaining bytes; None: no limit. Negative if the first item exceeded the limit."""
        return None if self._most is None else self._most - self.used

    def admits(self, size: int) -> bool:
        """Return whether an item of `size` bytes fits, and count it if so."""
        if self._most is not None and self.used and self.used + size > self._most:
            return False
        self.used += size
        return True
