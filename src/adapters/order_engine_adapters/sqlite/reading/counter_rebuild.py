"""Rebuild of the counters."""

from __future__ import annotations

from typing import Final

from order_engine.domain.metrics import Statistics
from order_engine.ports.clock import Clock
from order_engine_adapters.sqlite.connection.thread import DatabaseThread
from order_engine_adapters.sqlite.file_url import database_path
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.reading.orders import statistics

COUNT: Final = """
UPDATE statistics SET (total_orders, pending, processing, completed, failed, cancelled, processing_microseconds) = (
    SELECT count(*), count(*) FILTER (WHERE status = 'Pending'), count(*) FILTER (WHERE status = 'Processing'),
        count(*) FILTER (WHERE status = 'Completed'), count(*) FILTER (WHERE status = 'Failed'),
        count(*) FILTER (WHERE status = 'Cancelled'),
        coalesce(sum(ended_at - processing_started_at) FILTER (WHERE status = 'Completed'), 0)
    FROM orders
)
"""
"""Completed orders never change, so the orders contain the same totals as the history."""


async def rebuild_counters(url: str, clock: Clock) -> tuple[Statistics, Statistics]:
    """Recount all orders of a file. Return the counters before and after.

    The whole table is scanned, and the file is locked meanwhile, so no other process can write. Raises InvalidSetting
    for a URL without a file, RepositoryHeld if another process uses the file, Unavailable if it cannot be opened or
    written.
    """
    path = database_path(url)
    store, thread = OrderTables(path, "FULL"), DatabaseThread(f"sqlite {path.name}")
    try:
        await thread.call(store.open, clock.now(), may_migrate=False)
        return await thread.call(_rebuild, store)
    finally:
        await thread.end(store.close)


def _rebuild(store: OrderTables) -> tuple[Statistics, Statistics]:
    before = statistics(store)
    store.database.transact([(COUNT, ())])
    return before, statistics(store)
