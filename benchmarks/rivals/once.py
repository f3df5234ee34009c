"""One run of one contender in a process of its own: `python -m benchmarks.rivals.once` with what `run_once` passes."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

import uvloop

from benchmarks.orders import new_orders
from benchmarks.rivals.contender import Completions, Contender, Task
from order_engine import NewOrder
from order_engine_adapters.service.process import YOUNG_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    Opened = Callable[[str, Completions, str], AbstractAsyncContextManager[Contender]]

MODULES: Final[Mapping[str, str]] = {
    "order_engine": "benchmarks.rivals.with_engine",
    "PgQueuer": "benchmarks.rivals.with_pgqueuer",
    "Procrastinate": "benchmarks.rivals.with_procrastinate",
}
CLIENTS: Final = 1000
"""Tasks that place single orders at once."""
LIMIT_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run took, in seconds: by the clock, and of this process's processor time."""

    wall: float
    cpu: float


def run_once(name: str, setting: str, task: Task, url: str, orders: int) -> Spent:
    """Run a contender in a fresh process. Raises CalledProcessError where it did not come to its end."""
    command = [sys.executable, "-m", __spec__.name, name, setting, task.value, url, str(orders)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words
    return Spent(**json.loads(done.stdout.splitlines()[-1]))


async def _run(name: str, setting: str, task: Task, url: str, count: int) -> Spent:
    opened: Opened = import_module(MODULES[name]).opened
    orders = new_orders(count)
    completions = Completions(count)
    async with opened(url, completions, setting) as contender:
        if task is Task.PROCESS:
            await contender.place_in_bulk(orders)
        _quieten_collector()
        return await asyncio.wait_for(_timed(contender, task, orders, completions), LIMIT_SECONDS)


async def _timed(contender: Contender, task: Task, orders: Sequence[NewOrder], completions: Completions) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    async with contender.working():
        if task is Task.BULK:
            await contender.place_in_bulk(orders)
        elif task is Task.SINGLE:
            rest = iter(orders)
            await asyncio.gather(*(_place_from(contender, rest) for _ in range(CLIENTS)))
        await completions.all.wait()
        return Spent(time.perf_counter() - wall, time.process_time() - cpu)


async def _place_from(contender: Contender, orders: Iterator[NewOrder]) -> None:
    for order in orders:
        await contender.place(order)


def _quieten_collector() -> None:
    """Set the garbage collector as our service does, for every contender."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def main() -> None:
    """Run as the arguments say, and print what it took."""
    name, setting, task, url, count = sys.argv[1:]
    spent = uvloop.run(_run(name, setting, Task(task), url, int(count)))
    print(json.dumps(asdict(spent)))


if __name__ == "__main__":
    main()
