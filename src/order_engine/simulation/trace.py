"""The story of one simulation: who did what when, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple


class TraceLine(NamedTuple):
    """One happening. `order_ids`: whom it is about; empty where it is about all."""

    at: float
    who: str
    what: str
    order_ids: tuple[str, ...]

    def __str__(self) -> str:
        """Return a line for a person."""
        return f"{self.at:10.4f}  {self.who:<14} {self.what}"


class Trace:
    """Keeps every line. One seed gives one story, byte for byte."""

    def __init__(self) -> None:
        """Begin empty."""
        self.lines: list[TraceLine] = []

    def record(self, at: float, who: str, what: str, *order_ids: str) -> None:
        """Add a line."""
        self.lines.append(TraceLine(at, who, what, order_ids))

    def of(self, order_ids: frozenset[str]) -> Iterator[TraceLine]:
        """Go through what concerns these orders: what names one of them, and what names none."""
        for line in self.lines:
            if not line.order_ids or order_ids.intersection(line.order_ids):
                yield line

    @property
    def digest(self) -> str:
        """A fingerprint of all lines."""
        return sha256("\n".join(map(str, self.lines)).encode()).hexdigest()
