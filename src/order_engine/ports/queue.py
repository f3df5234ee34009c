"""The queue port: a doorbell. It may lose, repeat and reorder; the repository's poll finds what it missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class OrderQueue(Protocol):
    """Carries order ids as hints, so that a free worker starts at once."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Ring for these orders. A queue that is full or away may drop them, or raise `Unavailable`."""
        ...

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for one id at least and return up to `limit` of them.

        A call that is cancelled leaves the queue in order. Raises `Unavailable` where the queue is away; the caller
        waits a while and asks again.
        """
        ...
