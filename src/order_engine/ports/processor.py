"""Processor port: user code that processes one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from order_engine.domain.order import Order


class OrderProcessor(Protocol):
    """Processes an order. Runs at least once per order (P2); each attempt has its own token.

    Returning completes the order. `Rejected` fails it permanently. `RetryLater(seconds)` sets the delay until the next
    attempt. Any other exception is a failure, retried with backoff until the attempts are exhausted. A processor is
    cancelled when it exceeds its time limit, when the order is cancelled, when the engine shuts down, and when its
    lease can no longer be renewed. It should then stop soon.
    """

    async def __call__(self, order: Order) -> None:
        """Process one order."""
        ...


PlainProcessor: TypeAlias = Callable[[Order], object]
"""Plain function used as a processor. It runs in a thread, which cannot be cancelled."""
