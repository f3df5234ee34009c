"""Notification of readers about possible changes in the repository."""

from __future__ import annotations

import asyncio
from typing import Final

CHANGING: Final = frozenset({"add", "claim", "renew", "apply"})
"""Calls to the repository that may change orders."""


class ChangeNotifier:
    """Counts possible changes of orders: after each writing call in this process, and once per poll interval."""

    def __init__(self) -> None:
        """Start at 1: readers that have not seen any change pass 0."""
        self._number = 1
        self._changed = asyncio.Event()
        self._closed = False

    def answered(self, operation: str) -> None:
        """Record that the repository has answered a call of this name."""
        if operation in CHANGING:
            self.notify()

    def notify(self) -> None:
        """Wake all waiting readers."""
        self._number += 1
        self._changed.set()

    def close(self) -> None:
        """Wake all waiting readers for the last time."""
        self._closed = True
        self.notify()

    async def since(self, number: int) -> int:
        """Return the number of the latest change as soon as it differs from `number`."""
        while self._number == number and not self._closed:
            # Safe to clear: tasks that already wait have been woken by the previous `set`.
            self._changed.clear()
            await self._changed.wait()
        return self._number
