"""The demonstration processor."""

from __future__ import annotations

from order_engine.domain.order import Order
from order_engine.ports.clock import Clock

DEFAULT_SECONDS = 2.0
LONGEST_SECONDS = 86_400.0


class Demonstration:
    """A processor that completes every order after a delay."""

    def __init__(self, clock: Clock, seconds: float = DEFAULT_SECONDS) -> None:
        """Wait `seconds` of `clock` for each order. Raises ValueError unless 0 to 86,400."""
        if not 0 <= seconds <= LONGEST_SECONDS:
            message = f"Invalid demonstration time {seconds!r}. It must be 0 to {LONGEST_SECONDS:g} seconds per order."
            raise ValueError(message)
        self._clock = clock
        self.seconds = seconds

    async def __call__(self, order: Order) -> None:
        """Wait for the configured time."""
        del order
        await self._clock.sleep(self.seconds)
