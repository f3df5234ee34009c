"""Who a callback belongs to: a simulated process that may be paused or die, or the world around all of them."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import Any


class OwnerState(Enum):
    """What becomes of an owner's callbacks."""

    RUNS = "runs"
    PAUSED = "is paused"
    DEAD = "is dead"


class Step(list[Any]):
    """One callback that the loop is to run: what `call_soon` and `call_at` return.

    Its items are the callback, or None once it is cancelled, its arguments, its context, its owner, and when it is due
    by the loop's time. A list, since thirty of them are made for each order, and a constructor in Python takes nearly
    twice as long.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """Do not run it."""
        self[0] = None

    def cancelled(self) -> bool:
        """Whether it is not to run."""
        return self[0] is None

    def when(self) -> float:
        """Return when it is due by the loop's time."""
        due: float = self[-1]
        return due


class Owner:
    """A simulated process, as the loop sees it. While it does not run, its steps are kept here."""

    def __init__(self, name: str) -> None:
        """Begin running."""
        self.name = name
        self.state: OwnerState = OwnerState.RUNS
        self.kept: list[Step] = []
        """Steps that came up while it did not run. Those of a dead owner are never run, and never dropped before the
        simulation ends: dropping them would unwind their coroutines, and a dead process cleans nothing up."""
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)

    @property
    def runs(self) -> bool:
        """Whether its steps are run."""
        return self.state is OwnerState.RUNS

    def die(self) -> None:
        """Run nothing of it any more."""
        self.state = OwnerState.DEAD

    def pause(self) -> None:
        """Run nothing of it until it goes on."""
        if self.state is OwnerState.RUNS:
            self.state = OwnerState.PAUSED

    def go_on(self) -> list[Step]:
        """End the pause, and return the steps that came up meanwhile."""
        if self.state is not OwnerState.PAUSED:
            return []
        self.state = OwnerState.RUNS
        steps, self.kept = self.kept, []
        return steps


OWNER: ContextVar[Owner] = ContextVar("order_engine simulated owner")
"""The owner of whatever runs in a context. Tasks inherit it from whoever starts them."""
