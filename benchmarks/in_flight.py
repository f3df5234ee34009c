"""Many orders in flight at once: how long they take beyond their own work, and the memory that each one holds.

Each case runs in a fresh process, so that memory is its own. Run from the root: `python -m benchmarks.in_flight`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TypeAlias

from benchmarks.contenders import Completions, PlainStore, memory_engine
from benchmarks.orders import new_orders
from benchmarks.report import machine, table
from order_engine import EngineOptions, NewOrder

Place: TypeAlias = Callable[[Sequence[NewOrder]], Awaitable[object]]

WORK_SECONDS = 2.0
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""`ru_maxrss` counts kibibytes, on macOS bytes."""
CHUNK = 1000
"""Orders that are placed by one call."""


@dataclass(frozen=True, slots=True)
class Flight:
    """What became of one case. `most_at_once` says how many orders really were in flight together."""

    seconds: float
    placing_seconds: float
    seconds_after_placing: float
    most_at_once: int
    bytes_an_order: float


class Sleeper:
    """Waits as for another system, and counts how many orders do so at once."""

    def __init__(self, seconds: float) -> None:
        """Start with nobody; each sleeps so long."""
        self._seconds = seconds
        self._running = 0
        self.most = 0

    async def sleep(self, _: object) -> None:
        """Sleep through one order."""
        self._running += 1
        self.most = max(self.most, self._running)
        await asyncio.sleep(self._seconds)
        self._running -= 1


async def engine_flight(orders: int, seconds: float) -> Flight:
    """Send orders through the engine, with a slot for each."""
    sleeper, completions = Sleeper(seconds), Completions(orders)
    async with memory_engine(completions, sleeper.sleep, EngineOptions(concurrency=orders)) as engine:
        return await _flight(orders, sleeper, engine.place_many, completions.all)


async def plain_flight(orders: int, seconds: float) -> Flight:
    """Send orders through a dictionary and one task for each: what asyncio itself takes."""
    sleeper, store = Sleeper(seconds), PlainStore(orders)
    tasks: list[asyncio.Task[None]] = []

    async def place(chunk: Sequence[NewOrder]) -> None:
        tasks.extend(asyncio.create_task(store.process(store.add(order), sleeper.sleep)) for order in chunk)
        await asyncio.sleep(0)

    return await _flight(orders, sleeper, place, store.completed)


FLIGHTS: Mapping[str, Callable[[int, float], Coroutine[object, object, Flight]]] = {
    "order_engine": engine_flight,
    "plain, a task an order": plain_flight,
}


async def _flight(orders: int, sleeper: Sleeper, place: Place, completed: asyncio.Event) -> Flight:
    """Place the orders in chunks, as they would come in, and wait for the last; memory is what the peak adds."""
    gc.collect()
    memory_before, started = _peak_bytes(), time.perf_counter()
    for first in range(0, orders, CHUNK):
        await place(new_orders(min(CHUNK, orders - first), first))
    placed = time.perf_counter()
    await completed.wait()
    ended = time.perf_counter()
    held = (_peak_bytes() - memory_before) / orders
    return Flight(ended - started, placed - started, ended - placed, sleeper.most, held)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


def in_fresh_process(name: str, orders: int, seconds: float) -> Flight:
    """Run one case in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.in_flight", "--case", name, "--orders", str(orders)]
    command += ["--seconds", str(seconds)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this very program
    return Flight(**json.loads(run.stdout))


def main() -> None:
    """Measure and print; with `--case`, be the fresh process of one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, nargs="+", default=[10_000, 100_000], help="orders in flight")
    parser.add_argument("--seconds", type=float, default=WORK_SECONDS, help="how long each order works")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--case", choices=FLIGHTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(asdict(asyncio.run(FLIGHTS[options.case](options.orders[0], options.seconds)))))
        return
    found = measure(options.orders, options.rounds, options.seconds)
    if options.json:
        cases = [{"contender": name, "orders": orders} | asdict(own) for (name, orders), own in found.items()]
        print(json.dumps({"machine": machine(), "work_seconds": options.seconds, "cases": cases}, indent=2))
        return
    print(f"{machine()}. Each order works for {options.seconds:g} s; medians of {options.rounds} interleaved rounds.\n")
    print(_table(found))


def measure(sizes: Sequence[int], rounds: int, seconds: float) -> dict[tuple[str, int], Flight]:
    """Run every case once a round, and return the medians."""
    cases = [(name, orders) for orders in sizes for name in FLIGHTS]
    runs: dict[tuple[str, int], list[Flight]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            runs[case].append(in_fresh_process(*case, seconds))
    return {case: _median(flights) for case, flights in runs.items()}


def _median(flights: Sequence[Flight]) -> Flight:
    return Flight(
        seconds=median(flight.seconds for flight in flights),
        placing_seconds=median(flight.placing_seconds for flight in flights),
        seconds_after_placing=median(flight.seconds_after_placing for flight in flights),
        most_at_once=int(median(flight.most_at_once for flight in flights)),
        bytes_an_order=median(flight.bytes_an_order for flight in flights),
    )


def _table(found: Mapping[tuple[str, int], Flight]) -> str:
    head = ["contender", "orders", "s in all", "s to place", "s after the last place", "most at once", "bytes an order"]
    return table(head, [_row(name, orders, flight) for (name, orders), flight in found.items()])


def _row(name: str, orders: int, flight: Flight) -> list[str]:
    times = (flight.seconds, flight.placing_seconds, flight.seconds_after_placing)
    counts = (flight.most_at_once, flight.bytes_an_order)
    return [name, f"{orders:,}", *(f"{it:.2f}" for it in times), *(f"{it:,.0f}" for it in counts)]


if __name__ == "__main__":
    main()
