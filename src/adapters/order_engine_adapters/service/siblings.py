"""What a process of a fleet knows about the others."""

from __future__ import annotations

from threading import Event
from typing import Final

from order_engine.ports.clock import Clock

LOOK_SECONDS: Final = 0.1


class Siblings:
    """Knows whether another process has opened its engine and serves the same address."""

    def __init__(self, *, serve: bool = False) -> None:
        """Start with the knowledge of the parent at the fork."""
        self._serve = Event()
        if serve:
            self._serve.set()

    @property
    def serve(self) -> bool:
        """Whether another process serves."""
        return self._serve.is_set()

    def note(self) -> None:
        """Record that another process serves. May be called on any thread."""
        self._serve.set()

    async def until_one_serves(self, clock: Clock) -> None:
        """Wait until another process serves."""
        while not self.serve:
            await clock.sleep(LOOK_SECONDS)
