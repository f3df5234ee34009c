"""Answers that are bounded in bytes: for adapters that have the orders in memory, and over those that know no bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from order_engine.domain.commands import ClaimTerms
from order_engine.domain.content.sizes import ByteBudget
from order_engine.domain.order import Order
from order_engine.ports.repository import BoundedReader, Claimed, OrderReader, OrderState, Portion

FEW_ORDERS: Final = 16
"""Orders in one question to a repository that cannot say how large they are."""


def repeated_claim(held: Iterable[Order], terms: ClaimTerms) -> Claimed:
    """Return the answer to a claim that holds these orders already: those that its terms still ask for."""
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
    """Return the first of the orders, up to so many bytes; `found` holds those that exist."""
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
    """Return the first of the orders of any repository: of one that knows no bound, a few."""
    if isinstance(reader, BoundedReader):
        return await reader.get_some(order_ids, max_bytes)
    return Portion(await reader.get(order_ids[:FEW_ORDERS]), order_ids[FEW_ORDERS:])


async def get_states(reader: OrderReader, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
    """Return how the orders stand, of any repository: one that knows no states is asked for a few orders at a time."""
    if isinstance(reader, BoundedReader):
        return await reader.get_states(order_ids)
    states: dict[str, OrderState] = {}
    for start in range(0, len(order_ids), FEW_ORDERS):
        found = await reader.get(order_ids[start : start + FEW_ORDERS])
        states |= {order_id: OrderState(order.version, order.status) for order_id, order in found.items()}
    return states
