"""Telling those who follow the orders when it is worth looking at the repository."""

from __future__ import annotations

import asyncio
from typing import Final

CHANGING: Final = frozenset({"add", "claim", "renew", "apply"})
"""The calls of the repository after which there may be something new."""


class ChangeNotifier:
    """Counts the moments at which orders may have changed: after each call in this process, and once per poll."""

    def __init__(self) -> None:
        """Begin at 1: whoever knows of none yet has the number 0."""
        self._number = 1
        self._changed = asyncio.Event()
        self._closed = False

    def answered(self, operation: str) -> None:
        """Note that the repository has answered a call of this name."""
        if operation in CHANGING:
            self.notify()

    def notify(self) -> None:
        """Wake everybody who waits."""
        self._number += 1
        self._changed.set()

    def close(self) -> None:
        """Wake everybody for the last time: nothing changes here any more."""
        self._closed = True
        self.notify()

    async def since(self, number: int) -> int:
        """Return the number of the latest change, as soon as it is another than `number`."""
        while self._number == number and not self._closed:
            # The one who looks first waits for the next notify anew; nobody who waits already can miss this one.
            self._changed.clear()
            await self._changed.wait()
        return self._number
