"""Counting anew, where somebody has doubts about the counters."""

from __future__ import annotations

from typing import Final

from order_engine.domain.metrics import Statistics
from order_engine_adapters.postgres.connecting import parse
from order_engine_adapters.postgres.reading import statistics
from order_engine_adapters.postgres.sessions import Session, Sessions

STOP_WRITERS: Final = "LOCK TABLE order_engine.orders IN SHARE MODE"
FORGET: Final = "DELETE FROM order_engine.counters"
COUNT: Final = """
SELECT order_engine.count_orders(total, pending, processing, completed, failed, cancelled, microseconds) FROM (
    SELECT count(*) AS total, count(*) FILTER (WHERE status = 'Pending') AS pending,
        count(*) FILTER (WHERE status = 'Processing') AS processing,
        count(*) FILTER (WHERE status = 'Completed') AS completed,
        count(*) FILTER (WHERE status = 'Failed') AS failed,
        count(*) FILTER (WHERE status = 'Cancelled') AS cancelled,
        coalesce(sum(order_engine.microseconds_between(processing_started_at, ended_at))
                 FILTER (WHERE status = 'Completed'), 0)::bigint AS microseconds
    FROM order_engine.orders
) AS counted
"""
"""An order that is Completed stays so, so the orders tell what the fold of the history tells."""


async def rebuild_counters(url: str) -> Statistics:
    """Count all orders anew and return the statistics. Writers wait meanwhile; readers do not.

    Counting goes through the whole table, and has the time of one call. Raises InvalidSetting, Unavailable and
    OutcomeUnknown.
    """
    sessions = Sessions(parse(url))
    try:
        await sessions.transact(_rebuild)
        return await statistics(sessions)
    finally:
        await sessions.close()


async def _rebuild(session: Session) -> None:
    for statement in (STOP_WRITERS, FORGET, COUNT):
        await session.rows(statement)
