"""Reading orders, histories and counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order, Status
from order_engine_adapters.postgres.add_statements import MET
from order_engine_adapters.postgres.rows import (
    EVENT,
    LARGEST_INTEGER,
    LARGEST_VERSION,
    read_event,
    read_orders,
    storable,
)
from order_engine_adapters.postgres.sessions import Sessions

HISTORY: Final = f"""
SELECT {EVENT} FROM order_engine.contents AS c JOIN order_engine.events AS e ON e.order_serial = c.serial
WHERE c.order_id = $1 AND e.version > $2 ORDER BY e.version LIMIT $3
"""  # noqa: S608 - constants

SUMS: Final = """
coalesce(sum(total_orders), 0)::bigint, coalesce(sum(pending), 0)::bigint, coalesce(sum(processing), 0)::bigint,
coalesce(sum(completed), 0)::bigint, coalesce(sum(failed), 0)::bigint, coalesce(sum(cancelled), 0)::bigint,
coalesce(sum(processing_microseconds), 0)::bigint"""
STATISTICS: Final = f"SELECT {SUMS} FROM order_engine.counters"  # noqa: S608 - constants


async def get(sessions: Sessions, order_ids: Sequence[str]) -> Mapping[str, Order]:
    """Return the orders that exist among the ids, in the order of the ids."""
    wanted = [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
    if not wanted:
        return {}
    rows = await sessions.read(lambda session: session.rows(MET, wanted))
    found = {kept.order.order_id: kept.order for kept in read_orders(rows)}
    return {order_id: found[order_id] for order_id in wanted if order_id in found}


async def history(sessions: Sessions, order_id: str, after: int, limit: int) -> Sequence[Event]:
    """Return events of one order."""
    if not storable(order_id):
        return []
    place, most = min(max(after, 0), LARGEST_VERSION), min(limit, LARGEST_INTEGER)
    rows = await sessions.read(lambda session: session.rows(HISTORY, order_id, place, most))
    return [read_event(*row) for row in rows]


async def statistics(sessions: Sessions) -> Statistics:
    """Return the sum of the counters, in one statement and so of one snapshot."""
    (figures,) = await sessions.read(lambda session: session.rows(STATISTICS))
    return read_statistics(figures)


def read_statistics(figures: Sequence[int]) -> Statistics:
    """Return the statistics in a row of the columns SUMS."""
    total_orders, *counts, microseconds = figures
    return Statistics(total_orders, MappingProxyType(dict(zip(Status, counts, strict=True))), microseconds)
