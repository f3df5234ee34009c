"""How large an order is on its way, roughly: what bounds a batch, a claim and a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from order_engine.domain.content.attributes import Attributes

OVERHEAD_BYTES: Final = 200
"""What the small fields of an order take."""
BYTES_PER_ITEM: Final = 4
"""What an item takes beside its id."""


def content_size(item_ids: Sequence[str], attributes: Attributes | None) -> int:
    """Return roughly the bytes of an order with this content."""
    items = sum(map(len, item_ids)) + BYTES_PER_ITEM * len(item_ids)
    return OVERHEAD_BYTES + items + (0 if attributes is None else attributes.size)


class ByteBudget:
    """Bounds the bytes of one answer. The first item is always admitted, however large it is."""

    def __init__(self, most: int | None) -> None:
        """Admit up to `most` bytes; None: any number."""
        self._most = most
        self.used = 0

    @property
    def left(self) -> int | None:
        """The bytes that are left; None: any number. Negative where the first item took more than there were."""
        return None if self._most is None else self._most - self.used

    def admits(self, size: int) -> bool:
        """Whether an item of so many bytes fits. One that does is counted."""
        if self._most is not None and self.used and self.used + size > self._most:
            return False
        self.used += size
        return True
