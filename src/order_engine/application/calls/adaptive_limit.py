"""Adaptive size of calls: smaller after slow answers, so that a slow connection does not cause timeouts."""

from __future__ import annotations

from typing import Final

SMALLER_HELPED: Final = 0.75
"""If a call of half the size takes more than this part of the time, its size is not the cause of the delay."""


class AdaptiveLimit:
    """Limit on the size of calls, between 1 and a maximum."""

    def __init__(self, most: int, slow_seconds: float) -> None:
        """Start with the maximum `most`. Calls that take more than `slow_seconds` are slow."""
        self.value: int = most
        self._most = most
        self._slow_seconds = slow_seconds
        self._seconds_before: float | None = None
        """Duration of the call after which the limit was halved, if that was the last change."""

    def answered(self, seconds: float) -> None:
        """Adapt to a call that was answered after `seconds`."""
        before, self._seconds_before = self._seconds_before, None
        if seconds <= self._slow_seconds:
            self._grow(max(1, self.value // 4))
        elif before is not None and seconds > before * SMALLER_HELPED:
            # If the server is slow regardless of the size, smaller calls would make it even slower.
            self._grow(self.value)
        else:
            self._halve(seconds)

    def failed(self, seconds: float) -> None:
        """Adapt to a call that failed after `seconds`: a slow call may have been too large."""
        if seconds > self._slow_seconds:
            self._halve(None)

    def _grow(self, by: int) -> None:
        self.value = min(self._most, self.value + by)

    def _halve(self, seconds: float | None) -> None:
        self.value = max(1, self.value // 2)
        self._seconds_before = seconds
