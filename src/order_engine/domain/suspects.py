"""Suspects: orders whose attempts vanished, kept in ever smaller company.

A process that dies takes every order it was running with it, and one of them may be the cause. Each time an order's
attempt vanishes, the company it may run in shrinks by eight. So of 1,000 orders that went down together at most 125
run beside each other next, then 15, then 1: the guilty one is alone after four crashes, long before a neighbour
reaches the cap of deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass

SHRINKAGE_BITS = 3
"""Each crash divides the company by 2^3."""


def max_suspects(concurrency: int, vanished: int) -> int:
    """Return how many suspects may run in one process beside an order that vanished so often, itself included."""
    return max(1, concurrency >> SHRINKAGE_BITS * vanished)


@dataclass(frozen=True, slots=True)
class SuspectRoom:
    """How many suspects a process runs, and the smallest company that one of them asks for.

    `concurrency` is the number of orders the process works on at once, `running` the suspects among those under way,
    `most_vanished` the highest count of vanished attempts among them (0 where there is none).
    """

    concurrency: int
    running: int = 0
    most_vanished: int = 0

    def admits(self, vanished: int) -> bool:
        """Whether an order with so many vanished attempts may start here now. One that is no suspect always may."""
        if vanished == 0:
            return True
        return self.running + 1 <= max_suspects(self.concurrency, max(vanished, self.most_vanished))

    def with_suspect(self, vanished: int) -> SuspectRoom:
        """Return the room after an order with so many vanished attempts has started."""
        if vanished == 0:
            return self
        return SuspectRoom(self.concurrency, self.running + 1, max(vanished, self.most_vanished))
