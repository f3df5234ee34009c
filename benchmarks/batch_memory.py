"""What one large batch costs the service in memory: its resident set while 100,000 orders come in by one request.

Run from the root of the repository: `python -m benchmarks.batch_memory`. It needs nothing but the project, and Linux.
The service runs with its settings as they are, in a process of its own. The client sends as fast as it can, and reads
the answers at once, or slowly.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.http_load.services import counts, order_engine
from benchmarks.orders import new_orders, payload
from benchmarks.report import load_average, machine, table

TYPES: Final = {"lines": "application/x-ndjson", "array": "application/json"}
ORDERS_AT_ONCE: Final = 100
SLOW_BYTES: Final = 65_536
SLOW_SECONDS: Final = 0.2
"""A slow client reads so many bytes, and then nothing for so long: some 300 KiB a second."""
LARGE_BYTES: Final = 1_048_576
ANSWER: Final = b'"code":201,'
PATIENCE_SECONDS: Final = 120.0
MEBIBYTE: Final = 1_048_576


@dataclass
class Watched:
    """The memory of one process, in bytes: before the batch, at marks of it, and at its highest."""

    process_id: int
    marks: Sequence[int]
    before: int = 0
    at: list[int] = field(default_factory=list)
    highest: int = 0

    def begin(self) -> None:
        """Note what the process has before the batch."""
        self.before = self.highest = self._resident()

    def answered(self, orders: int) -> None:
        """Note what it has now that so many orders are answered."""
        now = self._resident()
        self.highest = max(self.highest, now)
        while len(self.at) < len(self.marks) and orders >= self.marks[len(self.at)]:
            self.at.append(now)

    def _resident(self) -> int:
        pages = int(Path(f"/proc/{self.process_id}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Send one batch for every combination, each to a service of its own, and print what it took."""
    options = _options()
    marks = [options.orders // 10, options.orders // 2, options.orders]
    print(f"{machine()}; load average before: {load_average()}\n")
    rows = []
    for store, form, slowly in product(("sqlite", "memory"), TYPES, (False, True)):
        with tempfile.TemporaryDirectory() as folder:
            url = "memory://" if store == "memory" else f"sqlite:///{folder}/orders.db"
            with order_engine(url) as address:
                watched = Watched(_child(), marks)
                seconds = _send(address, form, options.orders, watched, slowly=slowly)
        figures = [watched.before, *watched.at, watched.highest]
        how = f"{store}, {form}, read {'slowly' if slowly else 'at once'}"
        rows.append([how, *(f"{figure / MEBIBYTE:.0f}" for figure in figures), f"{seconds:.1f}"])
    print(table(["MiB", "before", *(f"at {mark:,}" for mark in marks), "highest", "seconds"], rows))


def _send(address: str, form: str, orders: int, watched: Watched, *, slowly: bool) -> float:
    """Send a batch, read its answers, and return how long that took."""
    parts = urlsplit(address)
    watched.begin()
    began = time.monotonic()
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS) as connection:
        head = f"POST /orders/batch HTTP/1.1\r\nHost: shop\r\nContent-Type: {TYPES[form]}\r\n"
        connection.sendall(f"{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        sending = threading.Thread(target=_send_all, args=(connection, form, orders), daemon=True)
        sending.start()
        answered, rest = 0, b""
        while part := connection.recv(SLOW_BYTES if slowly else LARGE_BYTES):
            text = rest + part
            answered += text.count(ANSWER)
            rest = text[-len(ANSWER) + 1 :]
            watched.answered(answered)
            if slowly:
                time.sleep(SLOW_SECONDS)
        sending.join()
    if (answered, counts(address)[0]) != (orders, orders):
        message = f"{answered} of {orders} orders were answered with 201"
        raise RuntimeError(message)
    return time.monotonic() - began


def _send_all(connection: socket.socket, form: str, orders: int) -> None:
    for text in _texts(form, orders):
        connection.sendall(b"%x\r\n%b\r\n" % (len(text), text))
    connection.sendall(b"0\r\n\r\n")


def _texts(form: str, orders: int) -> Iterator[bytes]:
    """Yield the body in parts that need not be kept."""
    separator = b"\n" if form == "lines" else b","
    for first in range(0, orders, ORDERS_AT_ONCE):
        text = separator.join(map(payload, new_orders(min(ORDERS_AT_ONCE, orders - first), first)))
        yield (b"[" if form == "array" and not first else separator if first else b"") + text
    yield b"\n" if form == "lines" else b"]"


def _child() -> int:
    """Return the process that runs the service: the only child of this one."""
    (child,) = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text(encoding="ascii").split()
    return int(child)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
