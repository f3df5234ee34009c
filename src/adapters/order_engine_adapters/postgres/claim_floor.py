"""The lower bound of claim scans.

Claim indexes start with entries of orders claimed long ago. These dead entries stay until VACUUM removes them, which it
cannot while an older transaction is open, such as a backup. A claim that scans them all takes 0.05 to 0.1 s after
150,000 orders. Entries that an earlier claim has scanned need no second scan, because orders become due in time order.

There are exceptions: a host's transaction may commit a placement much later, and clocks may be set back. A claim
therefore starts slightly below the floor, and from time to time at the start of the index.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from typing import Final

BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
WHOLE_LOOK_SECONDS: Final = 30.0
"""Maximum time between two full scans. A shorter lease limits it further, since it bounds how long an order may be left
unclaimed (P7)."""


class ClaimFloor:
    """The time before which this process knows of no claimable orders."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Start without a floor. `seconds` is a monotonic clock."""
        self._seconds = seconds
        self._floor = BEFORE_ALL
        self._last_whole_look = -inf

    def to_begin_at(self, lease_seconds: float) -> datetime:
        """Return where to start a scan for leases of this length.

        This is the floor, or from time to time the start of the index.
        """
        now = self._seconds()
        if now < self._last_whole_look + min(lease_seconds, WHOLE_LOOK_SECONDS):
            return self._floor
        # Also if this scan fails: it may time out, and orders above the floor must not wait for it.
        self._last_whole_look = now
        return BEFORE_ALL

    def found_nothing_before(self, moment: datetime) -> None:
        """Record the result of a claim: every earlier order was claimed or leased by others."""
        self._floor = moment
