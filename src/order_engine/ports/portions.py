"""Size-limited answers: for adapters that keep orders in memory, and for adapters without limits of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from order_engine.domain.commands import ClaimTerms
from order_engine.domain.content.sizes import ByteBudget
from order_engine.domain.order import Order
from order_engine.ports.repository import BoundedReader, Claimed, OrderReader, OrderState, Portion

FEW_ORDERS: Final = 16
"""Orders per read from a repository that cannot limit its answers."""


def repeated_claim(held: Iterable[Order], terms: ClaimTerms) -> Claimed:
    """Return the answer to a repeated claim: the orders it leases already that its terms still request."""
    wanted = sorted(
        (order for order in held if terms.after is None or order.order_id > terms.after),
        key=lambda order: order.order_id,
    )
    budget = ByteBudget(terms.max_bytes)
    answer: list[Order] = []
    for order in wanted:
        if not budget.admits(order.size):
            break
        answer.append(order)
    return Claimed(answer, (), more=len(answer) < len(wanted))


def first_portion(order_ids: Sequence[str], found: Mapping[str, Order], max_bytes: int) -> Portion:
    """Return the first orders, up to `max_bytes`; `found` contains those that exist."""
    budget = ByteBudget(max_bytes)
    orders: dict[str, Order] = {}
    for place, order_id in enumerate(order_ids):
        order = found.get(order_id)
        if order is None or order_id in orders:
            continue
        if not budget.admits(order.size):
            return Portion(orders, list(islice(order_ids, place, None)))
        orders[order_id] = order
    return Portion(orders, ())


async def get_some(reader: OrderReader, order_ids: Sequence[str], max_bytes: int) -> Portion:
    """Read the first orders from any repository; only a few at once if it cannot limit its answers."""
    if isinstance(reader, BoundedReader):
        return await reader.get_some(order_ids, max_bytes)
    return Portion(await reader.get(order_ids[:FEW_ORDERS]), order_ids[FEW_ORDERS:])


async def get_states(reader: OrderReader, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
    """Read the states of orders from any repository; if it is not a BoundedReader, read a few orders at once."""
    if isinstance(reader, BoundedReader):
        return await reader.get_states(order_ids)
    states: dict[str, OrderState] = {}
    for start in range(0, len(order_ids), FEW_ORDERS):
        found = await reader.get(order_ids[start : start + FEW_ORDERS])
        states |= {order_id: OrderState(order.version, order.status) for order_id, order in found.items()}
    return states
