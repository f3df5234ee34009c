"""`order-engine metrics rebuild`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from order_engine.wire import metrics_json
from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.cli.formatting import Column, table
from order_engine_adapters.cli.output import print_json, print_lines
from order_engine_adapters.cli.target.targets import refuse_missing_file
from order_engine_adapters.process.interrupts import run_interruptible
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.repository_url import RepositoryUrl

if TYPE_CHECKING:
    from order_engine.domain.metrics import Statistics

COLUMNS = (Column("COUNTER"), Column("BEFORE", right=True), Column("NOW", right=True))


def rebuild(flags: Flags, *, seconds: float, as_json: bool) -> None:
    """Recount the orders and print the corrected counters."""
    settings = Settings.from_environment(**flags)
    repository_url = RepositoryUrl.of(settings.database_url).within(settings.request_seconds)
    refuse_missing_file(repository_url)
    before, now = run_interruptible(repository_url.rebuild_counters(seconds))
    if as_json:
        changed = json.dumps(before != now)
        stored, correct = metrics_json(before), metrics_json(now)
        print_json(f'{{"changed": {changed}, "before": {stored}, "now": {correct}}}')
    elif now == before:
        click.echo(f"The counters were correct: {now.total_orders:,} orders.")
    else:
        print_lines(table(COLUMNS, [row for row in _figures(before, now) if row[1] != row[2]]))


def _figures(before: Statistics, now: Statistics) -> Iterator[tuple[str, str, str]]:
    """Yield each counter with its old and its new value."""
    yield "Total", f"{before.total_orders:,}", f"{now.total_orders:,}"
    for status, count in now.status_counts.items():
        yield status.value, f"{before.status_counts[status]:,}", f"{count:,}"
    yield "Microseconds", f"{before.processing_microseconds:,}", f"{now.processing_microseconds:,}"
