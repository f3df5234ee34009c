"""What a process of a fleet knows of the others at its address."""

from __future__ import annotations

from threading import Event
from typing import Final

from order_engine.ports.clock import Clock

LOOK_SECONDS: Final = 0.1


class Siblings:
    """Knows whether another process has opened its engine and answers at the same address."""

    def __init__(self, *, serve: bool = False) -> None:
        """Begin with what is known when the process starts."""
        self._serve = Event()
        if serve:
            self._serve.set()

    @property
    def serve(self) -> bool:
        """Whether one of them does."""
        return self._serve.is_set()

    def note(self) -> None:
        """Take note that one of them does. May be called on any thread."""
        self._serve.set()

    async def until_one_serves(self, clock: Clock) -> None:
        """Wait until one of them does."""
        while not self.serve:
            await clock.sleep(LOOK_SECONDS)
