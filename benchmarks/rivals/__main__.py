"""Orders placed and completed per second in one process on one PostgreSQL server, beside the rivals at their best.

Run from the root of the repository: `python -m benchmarks.rivals`. It needs the rivals (`--group bench`), and a
PostgreSQL server with pgbench, which it starts itself unless `--url` names one that is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Final

from benchmarks.report import load_average, machine, table
from benchmarks.rivals import with_pgqueuer, with_procrastinate
from benchmarks.rivals.contender import Task
from benchmarks.rivals.databases import description, fresh_database, server
from benchmarks.rivals.once import Spent, run_once
from benchmarks.rivals.with_pgbench import inserts_per_second

ENGINE, PGQUEUER, PROCRASTINATE = "order_engine", "PgQueuer", "Procrastinate"
PACKAGES: Final = ("order-engine", "pgqueuer", "procrastinate", "asyncpg", "psycopg", "uvloop")
FLOOR: Final = "pgbench, one-row INSERT"
FLOOR_SECONDS: Final = 5
FEWER: Final = 10
"""Who takes tens of seconds for a task is given a tenth of the orders."""
TITLES: Final[Mapping[Task, str]] = {
    Task.BULK: "Placed in bulk and completed",
    Task.SINGLE: "Placed one a call by 1,000 tasks and completed",
    Task.PROCESS: "Completed, placed before the clock starts",
}


@dataclass
class Figures:
    """All runs of all contenders: for each task and contender, one a round."""

    orders: int
    runs: dict[tuple[Task, str], list[Spent]] = field(default_factory=dict)
    floor: list[float] = field(default_factory=list)


def main() -> None:
    """Choose the rivals' settings, measure in interleaved rounds, and print."""
    options = _options()
    with server(options.url) as url:
        print(f"{machine()}. {description(url)}. {', '.join(f'{name} {version(name)}' for name in PACKAGES)}.")
        settings = {
            ENGINE: "",
            PGQUEUER: options.pgqueuer or _best(PGQUEUER, with_pgqueuer.SETTINGS, url, options.orders),
            PROCRASTINATE: options.procrastinate
            or _best(PROCRASTINATE, with_procrastinate.SETTINGS, url, options.orders),
        }
        print(f"{options.orders} orders, {options.rounds} rounds, load average before: {load_average()}.\n", flush=True)
        figures = _measured(settings, url, options.orders, options.rounds)
    for task in Task:
        print(f"{TITLES[task]}\n\n{_table(task, figures, settings)}\n")
    print(f"Load average after: {load_average()}.")


def _best(name: str, settings: Sequence[str], url: str, orders: int) -> str:
    """Return the setting with which a rival completes most orders per second, the median of three runs each."""
    rates: dict[str, list[float]] = {setting: [] for setting in settings}
    for _ in range(3):
        for setting in settings:
            with fresh_database(url) as database:
                count = _count(Task.PROCESS, name, orders)
                rates[setting].append(count / run_once(name, setting, Task.PROCESS, database, count).wall)
    medians = {setting: median(found) for setting, found in rates.items()}
    best = max(medians, key=medians.__getitem__)
    tried = ", ".join(f"{setting}: {rate:,.0f}" for setting, rate in medians.items())
    print(f"{name}, orders completed per second by setting: {tried}. Best: {best}.", flush=True)
    return best


def _measured(settings: Mapping[str, str], url: str, orders: int, rounds: int) -> Figures:
    """Run every contender once in each round, beginning with another one each time."""
    names = list(settings)
    figures = Figures(orders)
    for number in range(rounds):
        first = number % len(names)
        for task in Task:
            for name in names[first:] + names[:first]:
                with fresh_database(url) as database:
                    spent = run_once(name, settings[name], task, database, _count(task, name, orders))
                figures.runs.setdefault((task, name), []).append(spent)
        with fresh_database(url) as database:
            figures.floor.append(inserts_per_second(database, FLOOR_SECONDS))
    return figures


def _count(task: Task, name: str, orders: int) -> int:
    """Return how many orders a contender is given."""
    is_slow = name == PROCRASTINATE or (name, task) == (PGQUEUER, Task.SINGLE)
    return orders // FEWER if is_slow else orders


def _table(task: Task, figures: Figures, settings: Mapping[str, str]) -> str:
    own = _rates(figures, task, ENGINE)
    rows = []
    for name, setting in settings.items():
        rates = _rates(figures, task, name)
        cpu = median(run.cpu for run in figures.runs[task, name]) / _count(task, name, figures.orders) * 1e6
        rows.append(_row(f"{name} {setting}".strip(), rates, own, f"{cpu:.0f}"))
    if task is not Task.PROCESS:
        rows.append(_row(FLOOR, figures.floor, own, "-"))
    return table(("", "orders/s", "min-max", "order_engine to it", "CPU µs an order"), rows)


def _row(name: str, rates: Sequence[float], own: Sequence[float], cpu: str) -> Sequence[str]:
    ratio = median(a / b for a, b in zip(own, rates, strict=True))
    return name, f"{median(rates):,.0f}", f"{min(rates):,.0f}-{max(rates):,.0f}", f"{ratio:.2f}", cpu


def _rates(figures: Figures, task: Task, name: str) -> list[float]:
    return [_count(task, name, figures.orders) / run.wall for run in figures.runs[task, name]]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="orders in one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--url", help="a server's database, in place of a server of our own; others are made beside it")
    parser.add_argument("--pgqueuer", metavar="BATCHxMANAGERS[pool]", help="its setting; absent: the best of several")
    parser.add_argument("--procrastinate", metavar="WORKERSxCONCURRENCY", help="likewise")
    return parser.parse_args()


if __name__ == "__main__":
    main()
