"""Queue port: a doorbell. It may lose, repeat and reorder ids; polling the repository finds missed orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class OrderQueue(Protocol):
    """Passes order ids as hints, so that idle workers start immediately."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Announce orders that are due. A queue that is full or unavailable may drop ids or raise Unavailable."""
        ...

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for at least one id and return up to `limit` ids.

        A cancelled call leaves the queue usable. Raises Unavailable; the caller then retries after a pause.
        """
        ...
