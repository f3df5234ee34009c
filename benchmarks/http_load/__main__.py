"""Orders posted and completed per second over HTTP, and how long a client waits, in interleaved rounds.

Run from the root of the repository: `python -m benchmarks.http_load`. It needs wrk, a PostgreSQL server, and FastAPI
(`--group bench`). Every contender starts afresh for each round and each number of connections.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from benchmarks.http_load import services
from benchmarks.http_load.wrk import Load, load
from benchmarks.report import load_average, machine, table

SCRIPT: Final = Path(__file__).with_name("post_orders.lua")
COMPLETION_SECONDS: Final = 120.0

Service: TypeAlias = Callable[[str], AbstractContextManager[str]]
"""Runs one contender for as long as the context lasts, given a folder of its own; yields its URL."""

PLAIN: Final = "FastAPI + asyncpg + Queue"
CONTENDERS: Final[Mapping[str, Service]] = {
    "order_engine, SQLite": services.on_sqlite,
    "order_engine, PostgreSQL": services.on_postgres,
    PLAIN: services.plain_service,
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one load gave, and the orders completed per second from the first post to the last completion."""

    load: Load
    completed: float


def main() -> None:
    """Measure and print."""
    options = _options()
    contenders = {name: CONTENDERS[name] for name in CONTENDERS if name == PLAIN or options.only in name}
    print(f"{machine()}; medians of {options.rounds} interleaved rounds of {options.seconds} s each\n")
    for connections in options.connections:
        before = load_average()
        figures: dict[str, list[Figures]] = {name: [] for name in contenders}
        for number in range(options.rounds):
            names = list(contenders)
            for name in names if number % 2 == 0 else reversed(names):
                figures[name].append(measured(contenders[name], connections, options.seconds))
        print(f"{_report(f'{connections:,} connections', figures)}\n\nLoad average before: {before}.\n", flush=True)


def measured(service: Service, connections: int, seconds: int) -> Figures:
    """Load one contender, then wait until it has completed what it took."""
    with tempfile.TemporaryDirectory() as folder, service(folder) as url:
        began = time.monotonic()
        posted = load(SCRIPT, url, connections, seconds)
        completed = _all_completed(url)
        ended = time.monotonic()
    return Figures(posted, completed / (ended - began))


def _all_completed(url: str) -> int:
    """Wait until no order is open, and return how many were completed."""
    deadline = time.monotonic() + COMPLETION_SECONDS
    while True:
        total, completed = services.counts(url)
        if completed == total or time.monotonic() > deadline:
            return completed
        time.sleep(0.05)


def _report(title: str, figures: Mapping[str, Sequence[Figures]]) -> str:
    rival = figures[PLAIN]
    rows = [_row(name, own, rival) for name, own in figures.items()]
    head = (title, "POST/s", "min-max", "to plain", "completed/s", "to plain", "p50 ms", "p99 ms", "to plain", "failed")
    return table(head, rows)


def _row(name: str, own: Sequence[Figures], rival: Sequence[Figures]) -> Sequence[str]:
    pairs = list(zip(own, rival, strict=True))
    rates = [each.load.per_second for each in own]
    return (
        name,
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        f"{median(a.load.per_second / b.load.per_second for a, b in pairs):.2f}",
        f"{median(each.completed for each in own):,.0f}",
        f"{median(a.completed / b.completed for a, b in pairs):.2f}",
        f"{median(each.load.p50 for each in own):,.1f}",
        f"{median(each.load.p99 for each in own):,.1f}",
        f"{median(a.load.p99 / b.load.p99 for a, b in pairs):.2f}",
        f"{sum(each.load.failed for each in own):,}",
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 1000])
    parser.add_argument("--only", default="", help="leave out whose name is without this: PostgreSQL or SQLite")
    return parser.parse_args()


if __name__ == "__main__":
    main()
