"""Orders posted and completed per second over HTTP, and how long a client waits, in interleaved rounds.

Run from the root of the repository: `python -m benchmarks.http_load`. It needs wrk, a PostgreSQL server, and FastAPI
(`--group bench`). Every contender starts afresh for each round and each number of connections.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.http_load.postgres import running_postgres
from benchmarks.report import machine, table

SCRIPT = Path(__file__).with_name("post_orders.lua")
PORT = 8765
URL = f"http://127.0.0.1:{PORT}"
START_SECONDS = 20.0
COMPLETION_SECONDS = 120.0

Service: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""Runs one contender for as long as the context lasts, given a folder of its own."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one load gave: orders per second, milliseconds, and requests that were not answered with 201."""

    posts: float
    completed: float
    p50: float
    p99: float
    failed: float


@contextmanager
def on_sqlite(folder: str) -> Iterator[None]:
    """Run `order-engine serve` on SQLite with a processor that takes no time."""
    with _order_engine(f"sqlite:///{folder}/orders.db"):
        yield


@contextmanager
def on_postgres(_: str) -> Iterator[None]:
    """Run the same on a fresh PostgreSQL."""
    with running_postgres() as url, _order_engine(url):
        yield


@contextmanager
def _order_engine(database_url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "order_engine_adapters.cli", "serve", "--port", str(PORT), "--processor", "demo:0"]
    with _process([*command, "--database-url", database_url], {}):
        yield


@contextmanager
def plain_service(_: str) -> Iterator[None]:
    """Run the plain service on a fresh PostgreSQL."""
    app = "benchmarks.http_load.plain_service:app"
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(PORT), "--no-access-log", "--log-level", "warning"]
    with running_postgres() as url, _process([*command, "--http", "httptools"], {"DATABASE_URL": url}):
        yield


PLAIN = "FastAPI + asyncpg + Queue"
CONTENDERS: dict[str, Service] = {
    "order_engine, SQLite": on_sqlite,
    "order_engine, PostgreSQL": on_postgres,
    PLAIN: plain_service,
}


def main() -> None:
    """Measure and print."""
    options = _options()
    print(f"{machine()}; {options.rounds} rounds of {options.seconds} s\n")
    for connections in options.connections:
        figures: dict[str, list[Figures]] = {name: [] for name in CONTENDERS}
        for number in range(options.rounds):
            names = list(CONTENDERS)
            for name in names if number % 2 == 0 else reversed(names):
                figures[name].append(measured(CONTENDERS[name], connections, options.seconds))
        print(f"{connections} connections\n\n{_report(figures)}\n", flush=True)


def measured(service: Service, connections: int, seconds: int) -> Figures:
    """Load one contender, then wait until it has completed what it took."""
    with tempfile.TemporaryDirectory() as folder, service(folder):
        began = time.monotonic()
        load = _load(connections, seconds)
        completed = _all_completed()
        ended = time.monotonic()
    return Figures(
        posts=load["requests"] / (load["microseconds"] / 1e6),
        completed=completed / (ended - began),
        p50=load["p50"] / 1000,
        p99=load["p99"] / 1000,
        failed=load["refused"] + load["broken"],
    )


def _load(connections: int, seconds: int) -> dict[str, int]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30", "--latency", "-s", str(SCRIPT), URL]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    line = next(line for line in finished.stdout.splitlines() if line.startswith("FIGURES "))
    figures: dict[str, int] = json.loads(line.removeprefix("FIGURES "))
    return figures


def _all_completed() -> int:
    """Wait until no order is open, and return how many were completed."""
    deadline = time.monotonic() + COMPLETION_SECONDS
    while True:
        total, completed = _counts()
        if completed == total or time.monotonic() > deadline:
            return completed
        time.sleep(0.05)


def _counts() -> tuple[int, int]:
    """Return how many orders there are, and how many are Completed."""
    with urlopen(f"{URL}/metrics", timeout=30) as answer:  # noqa: S310 - our own URL
        metrics = json.load(answer)
    return metrics["total_orders"], metrics["status_counts"].get("Completed", 0)


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, env=os.environ | environment) as process:  # noqa: S603 - our own words
        try:
            _wait_until_up(process)
            yield
        finally:
            process.send_signal(signal.SIGTERM)


def _wait_until_up(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            _counts()
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    message = "a contender did not start"
    raise RuntimeError(message)


def _report(figures: dict[str, list[Figures]]) -> str:
    rows = []
    for name, rounds in figures.items():
        rival = figures[PLAIN]
        rows.append(
            (
                name,
                f"{median(each.posts for each in rounds):,.0f}",
                f"{median(a.posts / b.posts for a, b in zip(rounds, rival, strict=True)):.2f}",
                f"{median(each.completed for each in rounds):,.0f}",
                f"{median(a.completed / b.completed for a, b in zip(rounds, rival, strict=True)):.2f}",
                f"{median(each.p50 for each in rounds):,.1f}",
                f"{median(each.p99 for each in rounds):,.1f}",
                f"{sum(each.failed for each in rounds):,.0f}",
            )
        )
    return table(("", "POST/s", "to plain", "completed/s", "to plain", "p50 ms", "p99 ms", "failed"), rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 1000])
    return parser.parse_args()


if __name__ == "__main__":
    main()
