"""Reading orders, histories and counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import OrderState, Portion
from order_engine_adapters.postgres.connection.sessions import Sessions
from order_engine_adapters.postgres.rows import (
    CONTENT,
    CONTENT_SIZE,
    EVENT,
    LARGEST_INTEGER,
    LARGEST_VERSION,
    ORDER,
    ORDER_OF_ONE_ROW,
    STATUSES,
    bound,
    read_bounded,
    read_event,
    read_orders,
    storable,
    upto,
)

MET: Final = f"""
SELECT {ORDER} FROM unnest($1::text[]) AS wanted (order_id)
JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
JOIN order_engine.orders AS o ON o.serial = c.serial
"""  # noqa: S608 - constants

SOME: Final = f"""
SELECT total, {ORDER_OF_ONE_ROW} FROM (
    SELECT o.*, {CONTENT}, wanted.position, {CONTENT_SIZE} AS size, {upto("wanted.position")} AS upto,
        count(*) OVER () AS total
    FROM unnest($1::text[]) WITH ORDINALITY AS wanted (order_id, position)
    JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
    JOIN order_engine.orders AS o ON o.serial = c.serial
) AS o
WHERE upto <= $2::bigint OR upto = size ORDER BY position
"""  # noqa: S608 - constants

STATES: Final = """
SELECT c.order_id, o.version, o.status FROM unnest($1::text[]) AS wanted (order_id)
JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
JOIN order_engine.orders AS o ON o.serial = c.serial
"""

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
    """Return the orders with these ids that exist, in the order of the ids."""
    wanted = [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
    if not wanted:
        return {}
    rows = await sessions.read(lambda session: session.rows(MET, wanted))
    found = {kept.order.order_id: kept.order for kept in read_orders(rows)}
    return {order_id: found[order_id] for order_id in wanted if order_id in found}


async def get_some(sessions: Sessions, order_ids: Sequence[str], max_bytes: int) -> Portion:
    """Return the existing orders among the first ids, up to a size limit."""
    wanted = [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
    if not wanted:
        return Portion({}, ())
    rows = await sessions.read(lambda session: session.rows(SOME, wanted, bound(max_bytes)))
    found, more = read_bounded(rows)
    orders = {kept.order.order_id: kept.order for kept in found}
    left = wanted[wanted.index(found[-1].order.order_id) + 1 :] if more else ()
    return Portion(orders, left)


async def get_states(sessions: Sessions, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
    """Return the states of the orders with these ids that exist."""
    wanted = [order_id for order_id in dict.fromkeys(order_ids) if storable(order_id)]
    if not wanted:
        return {}
    rows = await sessions.read(lambda session: session.rows(STATES, wanted))
    return {order_id: OrderState(version, STATUSES[status]) for order_id, version, status in rows}


async def history(sessions: Sessions, order_id: str, after: int, limit: int) -> Sequence[Event]:
    """Return events of one order."""
    if not storable(order_id):
        return []
    place, most = min(max(after, 0), LARGEST_VERSION), min(limit, LARGEST_INTEGER)
    rows = await sessions.read(lambda session: session.rows(HISTORY, order_id, place, most))
    return [read_event(*row) for row in rows]


async def statistics(sessions: Sessions) -> Statistics:
    """Return the sum of the counters, in one statement and thus one snapshot."""
    (figures,) = await sessions.read(lambda session: session.rows(STATISTICS))
    return read_statistics(figures)


def read_statistics(figures: Sequence[int]) -> Statistics:
    """Return the metrics in a row of the columns SUMS."""
    total_orders, *counts, microseconds = figures
    return Statistics(total_orders, MappingProxyType(dict(zip(Status, counts, strict=True))), microseconds)
