"""Procrastinate: jobs deferred a thousand a statement, taken one by one by several workers.

Its setting is written `WORKERSxCONCURRENCY`. A worker asks for one job at a time, so it is the number of workers, and
of connections for them, that makes it faster.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job, Status
from procrastinate.tasks import Task

from benchmarks.orders import content
from benchmarks.rivals.contender import Completions
from order_engine import NewOrder

SETTINGS = ("1x10", "4x10", "8x5", "8x50", "16x5")
IN_ONE_CALL = 1000
POOL = 40
IDLE_SECONDS = 0.1


@asynccontextmanager
async def opened(url: str, completions: Completions, setting: str) -> AsyncIterator[Rival]:
    """Make the tables and open the connections."""
    workers, concurrency = (int(part) for part in setting.split("x"))
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    app = App(connector=PsycopgConnector(conninfo=url, min_size=POOL, max_size=POOL))

    @app.task(name="order")  # type: ignore[untyped-decorator] # the rival's types are left out, see pyproject.toml
    async def process(**_: object) -> None:
        """Do nothing with an order."""

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield Rival(app, process, workers, concurrency, completions)


@dataclass
class Rival:
    """Workers in one process, on the pool that defers."""

    app: App
    task: Task
    workers: int
    concurrency: int
    completions: Completions

    async def place_in_bulk(self, orders: Sequence[NewOrder]) -> None:
        """Defer a thousand orders a statement."""
        for start in range(0, len(orders), IN_ONE_CALL):
            await self.task.batch_defer_async(*map(content, orders[start : start + IN_ONE_CALL]))

    async def place(self, order: NewOrder) -> None:
        """Defer one order."""
        await self.task.defer_async(**content(order))

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the workers. Jobs that are done are kept, as orders are."""
        _count_finished(self.app, self.completions)
        runs = [
            asyncio.create_task(
                self.app.run_worker_async(
                    concurrency=self.concurrency,
                    fetch_job_polling_interval=IDLE_SECONDS,
                    install_signal_handlers=False,
                    name=f"worker {number}",
                )
            )
            for number in range(self.workers)
        ]
        yield
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)


def _count_finished(app: App, completions: Completions) -> None:
    """Count jobs once they are stored as done."""
    finish_job = app.job_manager.finish_job

    async def counted(job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - the rival's own signature
        await finish_job(job=job, status=status, delete_job=delete_job)
        completions.count(1)

    app.job_manager.finish_job = counted
