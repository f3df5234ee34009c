"""Progress of an import: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO, TypeAlias

import click


@dataclass(slots=True)
class ImportCounts:
    """Results of the lines so far."""

    new: int = 0
    already_there: int = 0
    refused: int = 0

    @property
    def imported(self) -> int:
        """Number of orders of the file that are stored."""
        return self.new + self.already_there

    def __str__(self) -> str:
        """Return the counts as part of a sentence."""
        orders = "order" if self.imported == 1 else "orders"
        return f"{self.imported} {orders} ({self.new} new, {self.already_there} already there), {self.refused} refused"


ProgressCallback: TypeAlias = Callable[[int], None]
"""Takes the number of processed bytes of the file."""


@contextmanager
def progress(
    stream: TextIO, size: int, tally: ImportCounts, monotonic: Callable[[], float]
) -> Iterator[ProgressCallback]:
    """Show a bar with rate and remaining time on `stream` if it is a terminal, for a file of `size` bytes."""
    if not stream.isatty():
        yield lambda _: None
        return
    started = monotonic()

    def rate(_: object) -> str:
        lines = tally.imported + tally.refused
        seconds = monotonic() - started
        return f"{lines:,} orders, {lines / seconds if seconds > 0 else 0:,.0f}/s"

    with click.progressbar(length=size, file=stream, show_eta=True, show_percent=True, item_show_func=rate) as bar:
        yield lambda position: bar.update(position - bar.pos)
