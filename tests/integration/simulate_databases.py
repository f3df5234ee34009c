"""The faults of a simulation on real databases: engines in virtual time, and each call a transaction.

For long runs: `python -m tests.integration.simulate_databases --database sqlite --seeds 1000`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine.simulation import Scenario, Sizes, Summary, blocking, report_lines, run_seed
from order_engine.simulation.simulation import Store
from order_engine_adapters.clocks import SteadyClock
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.sqlite.driver import open_file
from tests.integration.postgres import support
from tests.postgres_server import versions_to_test

SMALL: Final = Sizes(orders=60, instances=3)
SET_TIME: Final = "UPDATE {schema}.manual_clock SET now = $1"


@contextmanager
def sqlite_store(clock: Clock) -> Iterator[OrderRepository]:
    """Open an empty file whose time is the simulation's."""
    with (
        TemporaryDirectory() as folder,
        blocking(open_file(Path(folder, "orders.db"), clock=SteadyClock(clock))) as repository,
    ):
        yield repository


class PostgresTime:
    """Brings the time that statements see up to the simulation's, before each of them."""

    def __init__(self, target: Target, clock: Clock) -> None:
        """Set the time of the target's schema, which is to have a manual clock."""
        self._target = target
        self._clock = clock
        self._set: datetime | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OrderRepository]:
        """Open the repository, emptied before."""
        self._connection = await connect(self._target)
        try:
            await self._connection.execute(support.EMPTY.format(schema=self._target.schema))
            await self.set()
            async with open_target(self._target, seconds=self._clock.monotonic) as repository:
                yield repository
        finally:
            await self._connection.close()

    async def set(self) -> None:
        """Set it, where it has changed."""
        now = self._clock.now()
        if now != self._set:
            await self._connection.execute(SET_TIME.format(schema=self._target.schema), now)
            self._set = now


def postgres_store() -> Store:
    """Create a schema. Return a function that reopens it for each seed."""
    target = asyncio.run(support.new_schema(manual_time=True))

    @contextmanager
    def open_store(clock: Clock) -> Iterator[OrderRepository]:
        postgres_time = PostgresTime(target, clock)
        with blocking(postgres_time.opened(), before=postgres_time.set) as repository:
            yield repository

    return open_store


def simulate(store: Store, seeds: Iterable[int], sizes: Sizes = SMALL) -> Iterator[Summary]:
    """Simulate seed after seed on a database; yield what came out so far, and end at the first violation."""
    summary = Summary()
    for seed in seeds:
        summary.add(run_seed(Scenario(store=store, sizes=sizes), seed))
        yield summary
        if summary.findings:
            return


def main() -> int:
    """Simulate the requested number of seeds. Return the exit code."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgres"], required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--orders", type=int, default=SMALL.orders)
    wanted = parser.parse_args()
    # That the tests' server does without fsync would be told for each seed.
    logging.getLogger("order_engine").setLevel(logging.ERROR)
    if wanted.database == "postgres":
        support.choose(next(iter(reversed(list(versions_to_test()))), None))
    try:
        store = sqlite_store if wanted.database == "sqlite" else postgres_store()
        return _report(store, range(wanted.first_seed, wanted.first_seed + wanted.seeds), Sizes(wanted.orders, 3))
    finally:
        support.stop_server()


def _report(store: Store, seeds: range, sizes: Sizes) -> int:
    began = time.monotonic()
    for summary in simulate(store, seeds, sizes):
        so_far = f"{summary.seeds} seeds, {summary.orders} orders, {time.monotonic() - began:.0f} s"
        sys.stdout.write(f"\r{so_far}")
        sys.stdout.flush()
        if summary.findings:
            traced = run_seed(Scenario(store=store, sizes=sizes), summary.findings[0].seed, trace=True)
            sys.stdout.write("\n" + "\n".join(report_lines(traced)) + "\n")
            return 1
    sys.stdout.write(", no violation\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
