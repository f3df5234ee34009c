"""Trace of one simulation: all events in chronological order."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple


class TraceLine(NamedTuple):
    """Line of the trace. `order_ids`: the orders it concerns; empty if it concerns none in particular."""

    at: float
    who: str
    what: str
    order_ids: tuple[str, ...]

    def __str__(self) -> str:
        """Format the line for people."""
        return f"{self.at:10.4f}  {self.who:<14} {self.what}"


class Trace:
    """Collects all lines. A seed always yields the same trace, byte for byte."""

    def __init__(self) -> None:
        """Start empty."""
        self.lines: list[TraceLine] = []

    def record(self, at: float, who: str, what: str, *order_ids: str) -> None:
        """Append a line."""
        self.lines.append(TraceLine(at, who, what, order_ids))

    def of(self, order_ids: frozenset[str]) -> Iterator[TraceLine]:
        """Yield the lines that concern one of these orders, or no order in particular."""
        for line in self.lines:
            if not line.order_ids or order_ids.intersection(line.order_ids):
                yield line

    @property
    def digest(self) -> str:
        """Fingerprint of all lines."""
        return sha256("\n".join(map(str, self.lines)).encode()).hexdigest()
