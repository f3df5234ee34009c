"""How many requests a second one client may send."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MAX_CLIENTS: Final = 10_000
ROUNDING: Final = 0.01
"""The part of a request by which sums of intervals may be off."""


class Rates:
    """A token bucket for each client: full it holds the requests of one second, one at least.

    What is stored is when the bucket will be full again, one number, instead of a level and when that was. Of the
    clients that have not been seen for longest, those over the limit are forgotten: their buckets are full again.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float], most_clients: int = MAX_CLIENTS) -> None:
        """Let each client send `per_second` requests a second, by the seconds that `monotonic` tells."""
        self._interval = 1 / per_second
        # A request is let through when the bucket holds a whole one, which is a second less one interval from full.
        self._slack = max(1 - self._interval, 0.0)
        self._rounding = self._interval * ROUNDING
        self._monotonic = monotonic
        self._most_clients = most_clients
        self._full_at: OrderedDict[str, float] = OrderedDict()

    @property
    def clients(self) -> int:
        """How many clients are remembered."""
        return len(self._full_at)

    def wait_of(self, client: str) -> float:
        """Count a request of `client`. Return 0 where it may be answered, else the seconds until the next one may be.

        A request that may not be answered takes nothing out of the bucket.
        """
        now = self._monotonic()
        full_at = max(self._full_at.get(client, now), now)
        wait = full_at - now - self._slack
        if wait > self._rounding:
            self._full_at.move_to_end(client)
            return wait
        self._full_at[client] = full_at + self._interval
        self._full_at.move_to_end(client)
        if len(self._full_at) > self._most_clients:
            self._full_at.popitem(last=False)
        return 0.0
