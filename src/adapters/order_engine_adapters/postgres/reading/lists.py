"""Order lists, newest first, by index scans. Only orders placed at the same time are sorted."""

from __future__ import annotations

from typing import Final

from order_engine.ports.repository import OrderPage, OrderQuery, PageKey
from order_engine_adapters.postgres.connection.sessions import Sessions
from order_engine_adapters.postgres.rows import (
    CONTENT,
    CONTENT_SIZE,
    LARGEST_VERSION,
    ORDER_OF_ONE_ROW,
    bound,
    read_bounded,
    storable,
)

LISTS: Final = f"""
SELECT total, {ORDER_OF_ONE_ROW} FROM (
    SELECT *, sum(size) OVER (ORDER BY created_at DESC, order_id DESC ROWS UNBOUNDED PRECEDING) AS upto,
        count(*) OVER () AS total
    FROM (
        SELECT o.*, {CONTENT}, {CONTENT_SIZE} AS size
        FROM order_engine.contents AS c JOIN order_engine.orders AS o ON o.serial = c.serial
        WHERE {{conditions}} ORDER BY {{time}} DESC, c.order_id DESC LIMIT $1
    ) AS page
) AS o
WHERE upto <= $2::bigint OR upto = size ORDER BY created_at DESC, order_id DESC
"""  # noqa: S608 - constants


async def list_orders(sessions: Sessions, query: OrderQuery) -> OrderPage:
    """Return one page. One additional order is read to detect whether another page follows."""
    if query.user_id is not None and not storable(query.user_id):
        return OrderPage([], None)
    sql, arguments = _statement(query)
    most = min(query.limit, LARGEST_VERSION)
    rows = await sessions.read(lambda session: session.rows(sql, most + 1, bound(query.max_bytes), *arguments))
    found, more = read_bounded(rows)
    orders = [kept.order for kept in found]
    if len(orders) <= most and not more:
        return OrderPage(orders, None)
    del orders[most:]
    return OrderPage(orders, PageKey(orders[-1].created_at, orders[-1].order_id))


def _statement(query: OrderQuery) -> tuple[str, list[object]]:
    """Return the statement and the arguments of a query. There are only a few statements.

    A list of a user scans the user's orders, a list of a status those of the status. The time exists in both tables;
    sorting by the right one uses the order of the index.
    """
    time = "c.created_at" if query.status is None or query.user_id is not None else "o.created_at"
    conditions, arguments = ["TRUE"], list[object]()
    if query.user_id is not None:
        arguments.append(query.user_id)
        conditions.append(f"c.user_id = ${len(arguments) + 2}")
    if query.status is not None:
        arguments.append(query.status.value)
        conditions.append(f"o.status = ${len(arguments) + 2}")
    if query.after is not None:
        arguments += [query.after.created_at, query.after.order_id]
        at, order_id = len(arguments) + 1, len(arguments) + 2
        conditions.append(f"{time} <= ${at} AND ({time}, c.order_id) < (${at}, ${order_id})")
    return LISTS.format(conditions=" AND ".join(conditions), time=time), arguments
