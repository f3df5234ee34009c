"""How much is asked for at once: less where the last answer was slow, so that a slow link slows and refuses nothing."""

from __future__ import annotations

from typing import Final

SMALLER_HELPED: Final = 0.75
"""An answer half as large has to take less than this part of the time; otherwise its size is not what took it."""


class AdaptiveLimit:
    """A limit on the size of calls, between 1 and its greatest value."""

    def __init__(self, most: int, slow_seconds: float) -> None:
        """Start with `most`. A call counts as slow that takes more than `slow_seconds`."""
        self.value = most
        self._most = most
        self._slow_seconds = slow_seconds
        self._seconds_before: float | None = None
        """What the call took after which the limit was halved, where that was the last change."""

    def answered(self, seconds: float) -> None:
        """Adapt to a call that was answered after so many seconds."""
        before, self._seconds_before = self._seconds_before, None
        if seconds <= self._slow_seconds:
            self._grow(max(1, self.value // 4))
        elif before is not None and seconds > before * SMALLER_HELPED:
            # A server that is slow whatever it is asked for would be slower still in ever smaller calls.
            self._grow(self.value)
        else:
            self._halve(seconds)

    def failed(self, seconds: float) -> None:
        """Adapt to a call that failed after so many seconds: a slow one may have been too large."""
        if seconds > self._slow_seconds:
            self._halve(None)

    def _grow(self, by: int) -> None:
        self.value = min(self._most, self.value + by)

    def _halve(self, seconds: float | None) -> None:
        self.value = max(1, self.value // 2)
        self._seconds_before = seconds
