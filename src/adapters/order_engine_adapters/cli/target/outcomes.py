"""Results of imported lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

PERMANENT_STATUSES: Final = frozenset({400, 409, 413, 422})
"""HTTP statuses that a retry of the same line would get again."""


class InputLine(NamedTuple):
    """A line of the file without its line end, counted from 1."""

    number: int
    text: bytes


class KeyedLine(NamedTuple):
    """A line and the idempotency key for its order."""

    line: InputLine
    key: str


class PlacedLine(NamedTuple):
    """The order of the line is stored. `replayed`: it was stored before."""

    replayed: bool


class RefusedLine(NamedTuple):
    """The line is not an acceptable order, as its problem document explains."""

    problem: Mapping[str, object]


class TargetUnavailable(Exception):
    """The target cannot accept lines now.

    `retry_after` is the delay that it requests, in seconds.
    """

    def __init__(self, sentence: str, retry_after: float = 0.0) -> None:
        """Take the message."""
        self.retry_after = retry_after
        super().__init__(sentence)


class DeferredLine(NamedTuple):
    """The line was not placed for a temporary reason."""

    trouble: TargetUnavailable


LineOutcome: TypeAlias = PlacedLine | RefusedLine | DeferredLine
