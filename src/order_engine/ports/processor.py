"""The processor port: the user's own work on one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from order_engine.domain.order import Order


class OrderProcessor(Protocol):
    """Does the work. It runs at least once per order (P2), each attempt with a token of its own.

    Returning completes the order. Raising `Rejected` fails it for good, `RetryLater(seconds)` chooses the delay of
    the next attempt, any other exception is a failure that is retried with backoff until the attempts are spent. It is
    cancelled when its time is up, when the order is cancelled, and when the engine shuts down or can no longer renew
    its lease; it should then stop soon.
    """

    async def __call__(self, order: Order) -> None:
        """Work on one order."""
        ...


PlainProcessor: TypeAlias = Callable[[Order], object]
"""A plain function may be given where a processor is wanted: it runs in a thread, which cannot be cancelled."""
