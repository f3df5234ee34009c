"""Suspects: orders whose attempts vanished. They run in increasingly small groups.

When a process crashes, the attempts of all its orders vanish, and one of these orders may be the cause. With each
vanished attempt, the number of suspects that may run together is divided by eight. Of 1,000 orders lost in one crash,
at most 125 run together next, then 15, then 1. So the cause runs alone after four crashes, long before another order
reaches its maximum of deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass

SHRINKAGE_BITS = 3
"""Each vanished attempt divides the group size by 2^3."""


DISTINCT_LIMITS = 22
"""From this number of vanished attempts, the maximum is 1 for any 64-bit concurrency."""


def max_suspects(concurrency: int, vanished: int) -> int:
    """Return how many suspects one process may run, including an order with this many vanished attempts."""
    return max(1, concurrency >> SHRINKAGE_BITS * vanished)


@dataclass(frozen=True, slots=True)
class SuspectRoom:
    """Room for suspects in one process.

    `concurrency` is the maximum number of orders that the process runs at once, `running` the number of suspects among
    them, `most_vanished` the highest number of vanished attempts of these suspects (0 if there are none).
    """

    concurrency: int
    running: int = 0
    most_vanished: int = 0

    def admits(self, vanished: int) -> bool:
        """Return whether an order with this many vanished attempts may start; with 0 it always may."""
        if vanished == 0:
            return True
        return self.running + 1 <= max_suspects(self.concurrency, max(vanished, self.most_vanished))

    def with_suspect(self, vanished: int) -> SuspectRoom:
        """Return the room after an order with this many vanished attempts has started."""
        if vanished == 0:
            return self
        return SuspectRoom(self.concurrency, self.running + 1, max(vanished, self.most_vanished))

    @property
    def max_vanished(self) -> int | None:
        """How often an order may have vanished that may start here now: 0 where no suspect may, None where any may."""
        for vanished in range(1, DISTINCT_LIMITS + 1):
            if not self.admits(vanished):
                return vanished - 1
        return None
