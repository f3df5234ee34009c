"""Order lists, newest first: each kind of list scans an index with few other orders."""

from __future__ import annotations

from typing import Final

from order_engine.domain.order import Status
from order_engine.ports.repository import OrderPage, OrderQuery, PageKey
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.reading.orders import statistics
from order_engine_adapters.sqlite.rows import STATUS_TEXT, bound, bounded_orders, microseconds, read_bounded_orders

FEW_ORDERS: Final = 10_000
"""Up to this many orders of a status are scanned for those of one user, within milliseconds."""

_UNSUCCESSFUL: Final = frozenset({Status.FAILED, Status.CANCELLED})
_OPEN: Final = frozenset({Status.PENDING, Status.PROCESSING})


def list_orders(store: OrderTables, query: OrderQuery) -> OrderPage:
    """Return one page. One additional order is read to detect whether another page follows."""
    index = _index(store, query)
    conditions, parameters = _conditions(query)
    parameters |= {"limit": query.limit + 1, "max_bytes": bound(query.max_bytes)}
    found = read_bounded_orders(store.database.ask(_statement(index, conditions), parameters))
    orders = [kept.order for kept in found.orders]
    if len(orders) <= query.limit and not found.more:
        return OrderPage(orders, None)
    del orders[query.limit :]
    return OrderPage(orders, PageKey(orders[-1].created_at, orders[-1].order_id))


def _index(store: OrderTables, query: OrderQuery) -> str:
    """Return the index to scan.

    For a user's orders of one status: unsuccessful orders have their own index, which successful orders never touch.
    Most others are Completed, so the user's index serves for these. Open orders are usually few, so those of all users
    are scanned; in a large backlog, the user's own orders are.
    """
    status = query.status
    if query.user_id is None:
        return "orders_by_age" if status is None else "orders_by_status"
    if status in _UNSUCCESSFUL:
        return "orders_unsuccessful"
    if status is not None and status in _OPEN and statistics(store).status_counts[status] <= FEW_ORDERS:
        return "orders_by_status"
    return "orders_by_user"


def _conditions(query: OrderQuery) -> tuple[list[str], dict[str, object]]:
    conditions, parameters = ["TRUE"], dict[str, object]()
    if query.user_id is not None:
        conditions.append("user_id = :user_id")
        parameters["user_id"] = query.user_id
    if query.status is not None:
        conditions.append("status = :status")
        parameters["status"] = STATUS_TEXT[query.status]
    if query.user_id is not None and query.status in _UNSUCCESSFUL:
        # Written like the condition of the partial index: otherwise SQLite does not use it.
        conditions.append("status IN ('Failed', 'Cancelled')")
    if query.after is not None:
        conditions.append("(created_at, order_id) < (:created_at, :order_id)")
        parameters |= {"created_at": microseconds(query.after.created_at), "order_id": query.after.order_id}
    return conditions, parameters


def _statement(index: str, conditions: list[str]) -> str:
    page = (
        f"(SELECT created_at, order_id, serial FROM orders INDEXED BY {index} WHERE {' AND '.join(conditions)} "  # noqa: S608 - made of constants
        "ORDER BY created_at DESC, order_id DESC LIMIT :limit)"
    )
    return bounded_orders(page, "created_at, order_id", descending=True)
