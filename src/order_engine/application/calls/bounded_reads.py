"""Reads of orders, limited in size. The limit adapts to the speed of the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from order_engine.application.calls.adaptive_limit import AdaptiveLimit
from order_engine.application.calls.calls import RepositoryCalls
from order_engine.application.options import EngineOptions
from order_engine.domain.errors import OrderEngineError
from order_engine.domain.order import Order
from order_engine.ports.clock import Clock
from order_engine.ports.portions import get_some, get_states
from order_engine.ports.repository import OrderPage, OrderQuery, OrderReader, OrderState, Portion

SLOW_PART: Final = 1 / 10
"""Part of its time limit after which a call is slow."""

Answer = TypeVar("Answer")


class BoundedReads:
    """Reads that return orders. All methods raise Unavailable, as `RepositoryCalls.ask` does."""

    def __init__(self, repository: OrderReader, calls: RepositoryCalls, clock: Clock, options: EngineOptions) -> None:
        """Read from `repository` through `calls`, at most `page_bytes` at once."""
        self._repository = repository
        self._calls = calls
        self._clock = clock
        self._bytes = AdaptiveLimit(options.page_bytes, options.request_seconds * SLOW_PART)

    async def page(self, query: OrderQuery) -> OrderPage:
        """Return a page of orders."""
        bounded = replace(query, max_bytes=self._bytes.value)
        return await self._adapting("list", query.limit, lambda: self._repository.list(bounded))

    async def portions(self, order_ids: Sequence[str]) -> AsyncIterator[Mapping[str, Order]]:
        """Yield the existing orders among the ids, some at a time."""
        left = order_ids
        while left:
            portion = await self._adapting("get", len(left), self._some(left))
            yield portion.orders
            left = portion.left

    async def all_of(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return all existing orders among the ids at once, for callers that need all of them in memory."""
        found: dict[str, Order] = {}
        async for orders in self.portions(order_ids):
            found |= orders
        return found

    async def states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the states of the existing orders among the ids, without their content."""
        return await self._calls.ask("get", len(order_ids), get_states(self._repository, order_ids))

    def _some(self, order_ids: Sequence[str]) -> Callable[[], Awaitable[Portion]]:
        return lambda: get_some(self._repository, order_ids, self._bytes.value)

    async def _adapting(self, operation: str, orders: int, call: Callable[[], Awaitable[Answer]]) -> Answer:
        began = self._clock.monotonic()
        try:
            answer = await self._calls.ask(operation, orders, call())
        except OrderEngineError:
            self._bytes.failed(self._clock.monotonic() - began)
            raise
        self._bytes.answered(self._clock.monotonic() - began)
        return answer
