"""How many lines of a kind the log gets in full; the others are counted and summed up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from order_engine.ports.clock import Clock

WINDOW_SECONDS: Final = 60.0
LINES_OF_A_KIND: Final = 5
"""In a window."""
LINES: Final = 100
"""Of all kinds together, in a window."""
SUMMARY_SECONDS: Final = 10.0
"""Between two summaries."""
KINDS: Final = 50
"""So many kinds are counted one by one between two summaries."""
OTHER_KINDS: Final = "others"


class LogSummary(NamedTuple):
    """What was held back of one group of lines: how many within how many seconds, and of each kind how many."""

    group: str
    seconds: float
    kinds: Counter[str]


class LogQuota:
    """Admits the first lines of each kind in a window, and counts what it holds back.

    A group is what happened, for example that an order failed. A kind is a part of it that is worth telling apart, for
    example by the error and its place.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin a window."""
        self._clock = clock
        self._window_began = self._summed_up = clock.monotonic()
        self._admitted: Counter[tuple[str, str]] = Counter()
        self._lines = 0
        self._held_back: dict[str, Counter[str]] = {}

    def admits(self, group: str, kind: str = "") -> bool:
        """Whether one more line of this kind is written now. If not, it is counted."""
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
        """Go through what was held back since the last time, once the time for it has come, or for the `last` time."""
        seconds = self._clock.monotonic() - self._summed_up
        if not last and seconds < SUMMARY_SECONDS:
            return
        self._summed_up += seconds
        held_back, self._held_back = self._held_back, {}
        for group, kinds in held_back.items():
            yield LogSummary(group, seconds, kinds)
