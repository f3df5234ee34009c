"""Rate limit per client."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MAX_CLIENTS: Final = 10_000
ROUNDING: Final = 0.01
"""Rounding error of accumulated intervals, as a part of one request."""


class Rates:
    """A token bucket per client with a capacity of one second's requests, at least one.

    A bucket is stored as one number: the time when it will be full again. Beyond the limit, the clients seen least
    recently are evicted; their buckets are full again.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float], most_clients: int = MAX_CLIENTS) -> None:
        """Allow each client `per_second` requests per second, measured by `monotonic`."""
        self._interval = 1 / per_second
        # A request is allowed if the bucket has a whole token: one second minus one interval before it is full.
        self._slack = max(1 - self._interval, 0.0)
        self._rounding = self._interval * ROUNDING
        self._monotonic = monotonic
        self._most_clients = most_clients
        self._full_at: OrderedDict[str, float] = OrderedDict()

    @property
    def clients(self) -> int:
        """Number of stored buckets."""
        return len(self._full_at)

    def wait_of(self, client: str) -> float:
        """Count a request of `client`. Return 0 if it is allowed, else the seconds until the next one is.

        A refused request takes no token.
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
