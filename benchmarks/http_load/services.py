"""The services that are loaded, each in a process of its own at a port of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.http_load.postgres import free_port, running_postgres

START_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 30.0


@contextmanager
def on_sqlite(folder: str) -> Iterator[str]:
    """Run `order-engine serve` on SQLite; yields its URL."""
    with order_engine(f"sqlite:///{folder}/orders.db") as url:
        yield url


@contextmanager
def on_postgres(_: str) -> Iterator[str]:
    """Run the same on a fresh PostgreSQL."""
    with running_postgres() as database_url, order_engine(database_url) as url:
        yield url


@contextmanager
def plain_service(_: str) -> Iterator[str]:
    """Run the plain service on a fresh PostgreSQL."""
    app, port = "benchmarks.http_load.plain_service:app", free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    with (
        running_postgres() as database_url,
        _process([*command, "--http", "httptools"], {"DATABASE_URL": database_url}, port) as url,
    ):
        yield url


@contextmanager
def order_engine(database_url: str) -> Iterator[str]:
    """Run `order-engine serve` with a processor that takes no time, and all its other settings as they are."""
    port = free_port()
    command = [sys.executable, "-m", "order_engine_adapters.cli", "serve", "--port", str(port), "--processor", "demo:0"]
    with _process([*command, "--database-url", database_url], {}, port) as url:
        yield url


def counts(url: str) -> tuple[int, int]:
    """Return how many orders a service has, and how many of them are Completed."""
    with urlopen(f"{url}/metrics", timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own URL
        metrics = json.load(answer)
    return metrics["total_orders"], metrics["status_counts"].get("Completed", 0)


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own words
        try:
            _wait_until_up(process, url)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)


def _wait_until_up(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            counts(url)
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    message = "a contender did not start"
    raise RuntimeError(message)
