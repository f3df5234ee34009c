"""PgQueuer: jobs enqueued a thousand a statement, taken in batches by several managers, logged by the batch.

Its setting is written `BATCHxMANAGERS`, each manager with a connection of its own as in PgQueuer's own benchmark, or
`BATCHxMANAGERSpool`, all on one pool, where logging and dequeuing may overlap.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.orders import payload
from benchmarks.rivals.contender import Completions
from order_engine import NewOrder

SETTINGS = ("100x1", "250x1", "500x1", "1000x1", "250x2", "500x2", "500x4", "250x1pool", "500x1pool", "500x2pool")
ENTRYPOINT = "order"
IN_ONE_CALL = 1000
POOL = 20
NEVER = timedelta(0)
IDLE = timedelta(seconds=0.1)
"""How soon a manager that found nothing looks again, where no notification comes first."""


@asynccontextmanager
async def opened(url: str, completions: Completions, setting: str) -> AsyncIterator[Rival]:
    """Make the tables, with the autovacuum settings that it recommends, and open the connections."""
    sizes, pooled, _ = setting.partition("pool")
    batch, managers = (int(part) for part in sizes.split("x"))
    async with AsyncExitStack() as lifetimes:
        pool = await lifetimes.enter_async_context(asyncpg.create_pool(url, min_size=POOL, max_size=POOL))
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.install()
        await queries.optimize_autovacuum()
        queuers = [
            PgQueuer(AsyncpgPoolDriver(pool) if pooled else AsyncpgDriver(await asyncpg.connect(url)))
            for _ in range(managers)
        ]
        yield Rival(queries, queuers, batch, completions)


@dataclass
class Rival:
    """Managers in one process, and a pool that enqueues."""

    queries: Queries
    queuers: list[PgQueuer]
    batch: int
    completions: Completions

    async def place_in_bulk(self, orders: Sequence[NewOrder]) -> None:
        """Enqueue a thousand orders a statement."""
        for start in range(0, len(orders), IN_ONE_CALL):
            payloads: list[bytes | None] = [payload(order) for order in orders[start : start + IN_ONE_CALL]]
            await self.queries.enqueue([ENTRYPOINT] * len(payloads), payloads, [0] * len(payloads))

    async def place(self, order: NewOrder) -> None:
        """Enqueue one order."""
        await self.queries.enqueue(ENTRYPOINT, payload(order))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the managers. Folding the log into statistics is off, which is faster."""
        for queuer in self.queuers:
            queuer.entrypoint(ENTRYPOINT)(_nothing)
            _count_logged(queuer.qm.queries, self.completions)
        runs = [
            asyncio.create_task(
                queuer.qm.run(batch_size=self.batch, dequeue_timeout=IDLE, log_aggregation_interval=NEVER)
            )
            for queuer in self.queuers
        ]
        yield
        for queuer in self.queuers:
            queuer.qm.shutdown.set()
        await asyncio.gather(*runs)


async def _nothing(_: Job) -> None:
    """Do nothing with an order."""


def _count_logged(queries: Queries, completions: Completions) -> None:
    """Count jobs once they are logged as done."""
    log_jobs = queries.log_jobs

    async def counted(jobs: Sequence[object]) -> None:
        await log_jobs(jobs)
        completions.count(len(jobs))

    queries.log_jobs = counted
