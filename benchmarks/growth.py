"""A million orders through one PostgreSQL database: how large its tables and indexes grow, and what a claim costs then.

Run from the root: `python -m benchmarks.growth postgresql://user@host/database`. The schema has to be empty, and is
left as it is afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from itertools import count
from statistics import median
from typing import Final, NamedTuple

from benchmarks.report import machine, table
from order_engine.domain.commands import Action, ClaimTerms, Command, Placement
from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository
from order_engine_adapters.postgres.connection.target import Connection, connect, parse

BATCH: Final = 500
WRITERS: Final = 2
LEASE_SECONDS: Final = 30.0
REST_SECONDS: Final = 35.0
"""Longer than the lease: then every lease of the run lies where a claim looks for those that have ended."""
RETRIED_OF: Final = 50
"""One order of so many is retried once."""
STEP: Final = 100_000
LONGEST_SECONDS: Final = 3_600.0
ASKED: Final = 20

SIZES: Final = """
SELECT relname, pg_relation_size(oid)::float8 / 1048576 FROM pg_class
WHERE relnamespace = $1::text::regnamespace AND relkind IN ('r', 'i')
"""
CLEANING: Final = """
SELECT coalesce(sum(n_dead_tup), 0)::bigint, coalesce(sum(autovacuum_count), 0)::bigint FROM pg_stat_user_tables
WHERE schemaname = $1 AND relname = $2
"""
SHOWN: Final = ("orders", "orders_pkey", "orders_by_status", "orders_ready", "orders_held", "events", "counters")


class Sizes(NamedTuple):
    """What the database takes at one moment: MiB by the name of a table or an index, and what waits to be cleaned."""

    completed: int
    seconds: float
    mebibytes: dict[str, float]
    dead: int
    cleanings: int


class Run:
    """Orders on their way through a repository, by a few writers at once."""

    def __init__(self, repository: OrderRepository, orders: int) -> None:
        """Send so many orders."""
        self.completed = 0
        self._repository = repository
        self._orders = orders
        self._firsts = count(0, BATCH)
        self._claims = count()

    async def write(self) -> None:
        """Place and complete orders until all are: half of them born claimed, half of them claimed when due."""
        while (first := next(self._firsts)) < self._orders:
            placements = [_placement(number) for number in range(first, min(first + BATCH, self._orders))]
            added = await self._repository.add(placements, self._terms(BATCH // 2))
            await self._report(each.order for each in added if each.order is not None and each.order.leased)
            await self.claim()
        while await self.claim():
            pass

    async def claim(self) -> int:
        """Complete what is due, and return how many orders that was."""
        orders = (await self._repository.claim(self._terms(BATCH))).orders
        await self._report(orders)
        return len(orders)

    def _terms(self, limit: int) -> ClaimTerms:
        return ClaimTerms(
            claim_id=f"growth-{next(self._claims)}",
            limit=limit,
            lease_seconds=LEASE_SECONDS,
            max_deliveries=10,
            suspects=SuspectRoom(1000),
        )

    async def _report(self, orders: Iterable[Order]) -> None:
        if reports := [_report(order) for order in orders]:
            await self._repository.apply(reports)
            self.completed += sum(report.action is Action.COMPLETE for report in reports)


def _placement(number: int) -> Placement:
    return Placement(f"order-{number:09}", f"user-{number % 5000}", ("item-1", "item-2", "item-3"), Decimal("50.00"))


def _report(order: Order) -> Command:
    if order.attempts == 1 and int(order.order_id[-9:]) % RETRIED_OF == 0:
        return Command(order.order_id, Action.RETRY, order.token, reason="the warehouse did not answer")
    return Command(order.order_id, Action.COMPLETE, order.token)


async def grow(url: str, orders: int) -> None:
    """Send orders through an empty schema, and print what it takes after every hundred thousand and at the end."""
    connection = await connect(parse(url))
    try:
        async with asyncio.timeout(LONGEST_SECONDS), open_repository(url, clock=SystemClock()) as repository:
            if (await repository.statistics()).total_orders:
                message = "the schema has orders already: name an empty one, for example by ?schema=growth"
                raise SystemExit(message)
            run = Run(repository, orders)
            found = await _watched(run, lambda: _sizes(connection, parse(url).schema, run))
            print(_table(found))
            await _ask(repository, run)
    finally:
        await connection.close()


async def _watched(run: Run, look: Callable[[], Awaitable[Sizes]]) -> Sequence[Sizes]:
    found: list[Sizes] = []
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(run.write()) for _ in range(WRITERS)]
        while not all(writer.done() for writer in writers):
            await asyncio.wait(writers, timeout=0.2)
            if run.completed >= (len(found) + 1) * STEP:
                found.append(await look())
                print(f"{run.completed:,} completed", flush=True)
    return [*found, await look()]


async def _sizes(connection: Connection, schema: str, run: Run) -> Sizes:
    mebibytes = {str(name): float(size) for name, size in await connection.fetch(SIZES, schema)}
    ((dead, cleanings),) = await connection.fetch(CLEANING, schema, "orders")
    return Sizes(run.completed, time.perf_counter(), mebibytes, dead, cleanings)


async def _ask(repository: OrderRepository, run: Run) -> None:
    """Print how long an empty claim and the metrics take at once, and after a rest."""
    for moment, rest in (("at once", 0.0), (f"after a rest of {REST_SECONDS:g} s", REST_SECONDS)):
        await asyncio.sleep(rest)
        for name, ask in (("empty claim", run.claim), ("statistics", repository.statistics)):
            first, *others = [await _milliseconds(ask) for _ in range(ASKED)]
            then = f"then median {median(others):.1f} ms, most {max(others):.1f} ms"
            print(f"{name} {moment}: first {first:.1f} ms, {then}")


async def _milliseconds(ask: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await ask()
    return (time.perf_counter() - started) * 1000


def _table(found: Sequence[Sizes]) -> str:
    rows = [
        [
            f"{sizes.completed:,}",
            *(f"{sizes.mebibytes[name]:.1f}" for name in SHOWN),
            f"{sizes.dead:,}",
            str(sizes.cleanings),
        ]
        for sizes in found
    ]
    return table(["completed", *(f"{name} MiB" for name in SHOWN), "dead rows", "vacuums"], rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a PostgreSQL database, its schema empty")
    parser.add_argument("--orders", type=int, default=1_000_000, help="how many")
    arguments = parser.parse_args()
    print(machine())
    started = time.perf_counter()
    asyncio.run(grow(arguments.url, arguments.orders))
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
