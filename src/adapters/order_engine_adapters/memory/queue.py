"""The in-memory queue: a bounded set of hints within one process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

DEFAULT_CAPACITY = 100_000


class MemoryQueue:
    """Stores up to `capacity` ids and drops the rest: polling finds their orders anyway."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        """Start empty."""
        self._capacity = capacity
        self._order_ids: deque[str] = deque()
        self._rung = asyncio.Event()

    async def put(self, order_ids: Sequence[str]) -> None:
        """Add ids, up to the capacity."""
        room = self._capacity - len(self._order_ids)
        self._order_ids.extend(order_ids[: max(room, 0)])
        if self._order_ids:
            self._rung.set()

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for at least one id and return up to `limit`, first in, first out."""
        while not self._order_ids:
            self._rung.clear()
            await self._rung.wait()
        return [self._order_ids.popleft() for _ in range(min(limit, len(self._order_ids)))]
