"""Retries of an import while the target is unavailable: increasing delays, a limit, and a reset after progress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from order_engine_adapters.cli.failures import CommandExit
from order_engine_adapters.cli.importing.importer import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, Importer
from order_engine_adapters.cli.importing.order_file import OrderFile
from order_engine_adapters.cli.importing.progress import ImportCounts
from order_engine_adapters.cli.importing.refused_lines_file import RefusedLinesFile
from order_engine_adapters.cli.target.outcomes import InputLine, LineOutcome, PlacedLine, TargetUnavailable

PATIENCE_SECONDS = 10.0
LINES = [InputLine(number, b'{"order_id":"%d"}' % number) for number in range(1, 4)]


class SlowTarget:
    """Accepts one line at given calls and nothing at the others. Time passes only by waiting."""

    def __init__(self, *takes_at: int, retry_after: float = 0.0) -> None:
        """Begin at no time."""
        self.now = 0.0
        self.waits: list[float] = []
        self._takes_at = takes_at
        self._retry_after = retry_after
        self._calls = 0

    async def place(self, lines: Sequence[InputLine]) -> Sequence[LineOutcome]:
        """Take the first line, or none."""
        self._calls += 1
        if self._calls in self._takes_at:
            return [PlacedLine(replayed=False)] * min(len(lines), 1)
        message = "The service is busy."
        raise TargetUnavailable(message, self._retry_after)

    async def place_under_keys(self, lines: Sequence[object]) -> Sequence[LineOutcome]:
        """Have nothing to do."""
        assert not lines
        return []

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.waits.append(seconds)
        self.now += seconds


async def _carry(folder: Path, target: Any) -> ImportCounts:  # noqa: ANN401 - the part of a target that an import needs
    tally, path = ImportCounts(), folder / "orders.jsonl"
    path.write_bytes(b"")
    with OrderFile(path, 1000) as file, RefusedLinesFile(path) as refused:
        carrier = Importer(
            target=target,
            file=file,
            refused=refused,
            tally=tally,
            longest_line=1000,
            patience_seconds=PATIENCE_SECONDS,
            monotonic=lambda: target.now,
        )
        await carrier.carry(LINES)
    return tally


async def test_patience_and_waits_begin_anew_with_each_line_that_is_taken(folder: Path) -> None:
    """However long the whole takes; who is asked again after progress is asked soon."""
    target = SlowTarget(6, 12, 18)
    assert (await _carry(folder, target)).new == len(LINES)
    assert target.now > PATIENCE_SECONDS
    assert target.waits.count(FIRST_WAIT_SECONDS) == len(LINES)


async def test_a_target_that_takes_nothing_is_given_up(folder: Path) -> None:
    """After the configured time, and no delay exceeds the maximum."""
    target = SlowTarget()
    with pytest.raises(CommandExit, match=r"is busy\. Imported so far: 0 orders"):
        await _carry(folder, target)
    assert PATIENCE_SECONDS - LONGEST_WAIT_SECONDS < target.now <= PATIENCE_SECONDS
    assert target.waits == sorted(target.waits)
    assert target.waits[0] == FIRST_WAIT_SECONDS
    assert max(target.waits) == LONGEST_WAIT_SECONDS


async def test_a_target_says_how_long_to_wait(folder: Path) -> None:
    """Its delay may exceed the usual ones. A delay beyond the time limit ends the import at once."""
    target = SlowTarget(3, 4, 5, retry_after=4.0)
    await _carry(folder, target)
    assert target.waits[:2] == [4.0, 4.0]
    target = SlowTarget(3, 4, 5, retry_after=PATIENCE_SECONDS + 1)
    with pytest.raises(CommandExit):
        await _carry(folder, target)
    assert target.waits == []
