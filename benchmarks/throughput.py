"""Orders placed and completed per second in memory, beside a plain bound and the nearest rival, in interleaved rounds.

Run from the root of the repository: `python -m benchmarks.throughput`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks import contenders
from benchmarks.contenders import Contender
from benchmarks.orders import new_orders
from benchmarks.report import machine, table
from order_engine import NewOrder

RIVAL_BATCHES = (10, 25, 50, 100, 250, 1000)
RIVAL_ROUNDS = 3
BOUND, RIVAL = "plain bound", "PgQueuer"
ENTRANTS: Mapping[str, Contender] = {
    "order_engine, place": contenders.engine_place,
    "order_engine, place_many": contenders.engine_place_many,
    BOUND: contenders.plain_workers,
    "plain, a task an order": contenders.plain_tasks,
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run of one contender took, in seconds by the clock and of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One contender's medians. Ratios are medians of the rounds' own ratios: more than 1 is faster than the other."""

    orders_per_second: float
    lowest: float
    highest: float
    cpu_microseconds: float
    to_bound: float
    to_rival: float
    cpu_to_bound: float
    cpu_to_rival: float


def run_once(contender: Contender, orders: int) -> Spent:
    """Run a contender on fresh orders and a clean heap, the garbage collector on."""
    content = new_orders(orders)
    gc.collect()
    return asyncio.run(_timed(contender, content))


async def _timed(contender: Contender, content: Sequence[NewOrder]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    await contender(content)
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def best_rival_batch(orders: int) -> int:
    """Return the batch size with which the rival is fastest here."""
    return min(RIVAL_BATCHES, key=lambda size: _median_cpu(contenders.rival(size), orders))


def _median_cpu(contender: Contender, orders: int) -> float:
    return median(run_once(contender, orders).cpu for _ in range(RIVAL_ROUNDS))


def interleaved(entrants: Mapping[str, Contender], orders: int, rounds: int) -> dict[str, list[Spent]]:
    """Run every contender once in each round, beginning with another one each time; one round before does not count."""
    names = list(entrants)
    spent: dict[str, list[Spent]] = {name: [] for name in names}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            run = run_once(entrants[name], orders)
            if number:
                spent[name].append(run)
    return spent


def figures(name: str, spent: Mapping[str, Sequence[Spent]], orders: int) -> Figures:
    """Return the figures of one contender beside the bound and the rival."""
    own = spent[name]
    rates = [orders / run.wall for run in own]
    return Figures(
        orders_per_second=median(rates),
        lowest=min(rates),
        highest=max(rates),
        cpu_microseconds=median(run.cpu for run in own) / orders * 1e6,
        to_bound=median(other.wall / run.wall for run, other in zip(own, spent[BOUND], strict=True)),
        to_rival=median(other.wall / run.wall for run, other in zip(own, spent[RIVAL], strict=True)),
        cpu_to_bound=median(other.cpu / run.cpu for run, other in zip(own, spent[BOUND], strict=True)),
        cpu_to_rival=median(other.cpu / run.cpu for run, other in zip(own, spent[RIVAL], strict=True)),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000, help="orders in one run")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that count")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    batch_size = best_rival_batch(options.orders)
    spent = interleaved({**ENTRANTS, RIVAL: contenders.rival(batch_size)}, options.orders, options.rounds)
    found = {name: figures(name, spent, options.orders) for name in spent}
    if options.json:
        setting = {"machine": machine(), "orders": options.orders, "rounds": options.rounds, "rival_batch": batch_size}
        print(json.dumps(setting | {"figures": {name: asdict(own) for name, own in found.items()}}, indent=2))
        return
    print(f"{machine()}. {options.orders} orders, {options.rounds} rounds, PgQueuer's batch_size {batch_size}.\n")
    print(_table(found))


def _table(found: Mapping[str, Figures]) -> str:
    head = ["contender", "orders/s", "min-max", "CPU µs an order", "to bound", "to PgQueuer", "CPU to bound"]
    head.append("CPU to PgQueuer")
    return table(head, [_row(name, own) for name, own in found.items()])


def _row(name: str, own: Figures) -> list[str]:
    ratios = (own.to_bound, own.to_rival, own.cpu_to_bound, own.cpu_to_rival)
    spread = f"{own.lowest:,.0f}-{own.highest:,.0f}"
    return [
        name,
        f"{own.orders_per_second:,.0f}",
        spread,
        f"{own.cpu_microseconds:.1f}",
        *(f"{it:.2f}" for it in ratios),
    ]


if __name__ == "__main__":
    main()
