"""Quota of log lines by kind; lines above it are counted and summarized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from order_engine.ports.clock import Clock

WINDOW_SECONDS: Final = 60.0
LINES_OF_A_KIND: Final = 5
"""Per window."""
LINES: Final = 100
"""Of all kinds, per window."""
SUMMARY_SECONDS: Final = 10.0
"""Between two summaries."""
KINDS: Final = 50
"""Maximum number of kinds that are counted separately between two summaries."""
OTHER_KINDS: Final = "others"


class LogSummary(NamedTuple):
    """Suppressed lines of one group in the last `seconds`, by kind."""

    group: str
    seconds: float
    kinds: Counter[str]


class LogQuota:
    """Allows the first lines of each kind in a window and counts the suppressed ones.

    A group is a type of event, for example a failed order. Kinds subdivide a group, for example by error and location.
    """

    def __init__(self, clock: Clock) -> None:
        """Start a window."""
        self._clock = clock
        self._window_began = self._summed_up = clock.monotonic()
        self._admitted: Counter[tuple[str, str]] = Counter()
        self._lines = 0
        self._held_back: dict[str, Counter[str]] = {}

    def admits(self, group: str, kind: str = "") -> bool:
        """Return whether to write one more line of this kind; if not, count it."""
        now = self._clock.monotonic()
        if now - self._window_began >= WINDOW_SECONDS:
            self._window_began, self._lines = now, 0
            self._admitted.clear()
        if self._lines < LINES and self._admitted[group, kind] < LINES_OF_A_KIND:
            self._lines += 1
            self._admitted[group, kind] += 1
            return True
        kinds = self._held_back.setdefault(group, Counter())
        kinds[kind if kind in kinds or len(kinds) < KINDS else OTHER_KINDS] += 1
        return False

    def summaries(self, *, last: bool) -> Iterator[LogSummary]:
        """Yield summaries of suppressed lines, at most once per interval, or always if `last`."""
        seconds = self._clock.monotonic() - self._summed_up
        if not last and seconds < SUMMARY_SECONDS:
            return
        self._summed_up += seconds
        held_back, self._held_back = self._held_back, {}
        for group, kinds in held_back.items():
            yield LogSummary(group, seconds, kinds)
