"""What becomes of the lines of an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

PERMANENT_STATUSES: Final = frozenset({400, 409, 413, 422})
"""The HTTP statuses that the same line would meet again, whenever it is sent."""


class InputLine(NamedTuple):
    """One line of the file, counted from 1, without its end."""

    number: int
    text: bytes


class KeyedLine(NamedTuple):
    """A line, and the idempotency key that its order is placed under."""

    line: InputLine
    key: str


class PlacedLine(NamedTuple):
    """The order of the line is kept; `replayed`: it was there before."""

    replayed: bool


class RefusedLine(NamedTuple):
    """The line is no order that can be placed, as its problem document says."""

    problem: Mapping[str, object]


class TargetUnavailable(Exception):
    """Nothing is wrong with the lines, but they cannot be placed now.

    `retry_after` is what the other side asks for, in seconds.
    """

    def __init__(self, sentence: str, retry_after: float = 0.0) -> None:
        """Say what is the matter."""
        self.retry_after = retry_after
        super().__init__(sentence)


class DeferredLine(NamedTuple):
    """The line was not placed now, through no fault of its own."""

    trouble: TargetUnavailable


LineOutcome: TypeAlias = PlacedLine | RefusedLine | DeferredLine
