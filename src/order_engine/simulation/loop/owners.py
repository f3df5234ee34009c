"""Owners of callbacks: simulated processes, which may be paused or crash, and the world around them."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import Any


class OwnerState(Enum):
    """State of an owner, which determines whether its callbacks run."""

    RUNS = "runs"
    PAUSED = "is paused"
    DEAD = "is dead"


class Step(list[Any]):
    """Scheduled callback, as returned by `call_soon` and `call_at`.

    Its items are the callback, or None once cancelled, its arguments, its context, its owner, and its time. A list,
    since thirty are created for each order, and a constructor in Python takes nearly twice as long.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """Cancel the callback."""
        self[0] = None

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self[0] is None

    def when(self) -> float:
        """Return its time on the loop's clock."""
        due: float = self[-1]
        return due


class Owner:
    """Simulated process as seen by the loop. While it does not run, its steps are kept here."""

    def __init__(self, name: str) -> None:
        """Start in the running state."""
        self.name = name
        self.state: OwnerState = OwnerState.RUNS
        self.kept: list[Step] = []
        """Steps scheduled while it did not run. Those of a dead owner never run, but are kept until the simulation
        ends: dropping them would close their coroutines, and a dead process runs no cleanup."""
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)

    @property
    def runs(self) -> bool:
        """Whether its steps run."""
        return self.state is OwnerState.RUNS

    def die(self) -> None:
        """Never run any of its steps again."""
        self.state = OwnerState.DEAD

    def pause(self) -> None:
        """Keep its steps until the pause ends."""
        if self.state is OwnerState.RUNS:
            self.state = OwnerState.PAUSED

    def go_on(self) -> list[Step]:
        """End the pause, and return the kept steps."""
        if self.state is not OwnerState.PAUSED:
            return []
        self.state = OwnerState.RUNS
        steps, self.kept = self.kept, []
        return steps


OWNER: ContextVar[Owner] = ContextVar("order_engine simulated owner")
"""Owner of the code that runs in a context. Tasks inherit it from their creator."""
