"""How long an honest client waits while others hold half-sent requests open, beside how long it waits without them.

Run from the root of the repository: `python -m benchmarks.half_sent`. It needs nothing but the project. The service
runs with its settings as they are, in a process of its own, on SQLite.
"""

from __future__ import annotations

import argparse
import http.client
import json
import resource
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final
from urllib.parse import urlsplit

from benchmarks.http_load.services import on_sqlite
from benchmarks.report import load_average, machine, table

HALVES: Final = (
    b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Ty",
    b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    b"G",
)
ENDING_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the honest client waited, in milliseconds."""

    p50: float
    p99: float


def main() -> None:
    """Measure quiet and besieged by turns, and print both."""
    options = _options()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, options.held + 200)), hard))
    print(f"{machine()}; load average before: {load_average()}\n")
    quiet, besieged, closed = [], [], []
    with tempfile.TemporaryDirectory() as folder, on_sqlite(folder) as url:
        _honest(url, "warm", options.orders)
        for number in range(options.rounds):
            quiet.append(_honest(url, f"quiet-{number}", options.orders))
            wait, seconds = _siege(url, f"besieged-{number}", options)
            besieged.append(wait)
            closed.append(seconds)
    rows = [_row("nobody else", quiet, quiet), _row(f"{options.held} half-sent requests", besieged, quiet)]
    print(table(("held open", "p50 ms", "p99 ms", "p99 to quiet"), rows))
    print(f"\nThe last half-sent request was closed {max(closed):.1f} s after the first was opened.")


def _siege(url: str, name: str, options: argparse.Namespace) -> tuple[Wait, float]:
    """Hold half-sent requests open beside the honest client, then see all of them closed by the service."""
    address = (urlsplit(url).hostname, urlsplit(url).port)
    with ExitStack() as opened:
        held = []
        began = time.monotonic()
        for number in range(options.held):
            connection = opened.enter_context(socket.create_connection(address))
            connection.sendall(HALVES[number % len(HALVES)])
            held.append(connection)
        wait = _honest(url, name, options.orders)
        for connection in held:
            connection.settimeout(ENDING_SECONDS)
            while _reads_something(connection):
                pass
        return wait, time.monotonic() - began


def _reads_something(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(65536))
    except ConnectionResetError:
        return False


def _honest(url: str, name: str, orders: int) -> Wait:
    """Place orders one after the other on one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ENDING_SECONDS)
    waits = []
    for number in range(orders):
        order = {"order_id": f"{name}-{number}", "user_id": "user", "item_ids": ["item"], "total_amount": "1.00"}
        began = time.perf_counter()
        connection.request("POST", "/orders", json.dumps(order), {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            answer.read()
        waits.append((time.perf_counter() - began) * 1000)
    connection.close()
    return Wait(median(waits), quantiles(waits, n=100)[98])


def _row(name: str, waits: Sequence[Wait], quiet: Sequence[Wait]) -> Sequence[str]:
    ratio = median(each.p99 / before.p99 for each, before in zip(waits, quiet, strict=True))
    return name, f"{median(w.p50 for w in waits):.2f}", f"{median(w.p99 for w in waits):.2f}", f"{ratio:.2f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held", type=int, default=900)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
