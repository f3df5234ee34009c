"""Reads of orders. They fail immediately while the engine is not started or its repository is unavailable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from order_engine.application.context import EngineContext
from order_engine.application.list_cursor import OrderList, decode_cursor, encode_cursor
from order_engine.application.runtime import Runtime
from order_engine.domain.content.text import stored_identifier_problem, stored_order_id_problem
from order_engine.domain.errors import InvalidQuery, OrderNotFound
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import Cursor, EventPage, ExactReader, OrderQuery, OrderState

Answer = TypeVar("Answer")


def check_order_id(order_id: str) -> None:
    """Raise OrderNotFound for an id that no order can have, since not all databases can look it up."""
    if stored_order_id_problem(order_id):
        raise OrderNotFound(order_id)


class Queries:
    """Implements the reads of `OrderEngine`, which documents them."""

    def __init__(self, context: EngineContext, runtime: Runtime) -> None:
        """Read from the repository of `context` while `runtime` is started."""
        self._context = context
        self._runtime = runtime
        self._page_limit = context.options.page_limit

    async def get(self, order_id: str) -> Order:
        """Return one order. Raises OrderNotFound."""
        check_order_id(order_id)
        orders = await self._ask("get", 1, lambda: self._context.repository.get([order_id]))
        if order_id not in orders:
            raise OrderNotFound(order_id)
        return orders[order_id]

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the existing orders among the ids."""
        self._check_limit(len(order_ids), lowest=0)
        self._require_readable()
        return await self._context.reading.all_of(order_ids)

    async def state(self, order_id: str) -> OrderState:
        """Return an order's version and status. Raises OrderNotFound."""
        check_order_id(order_id)
        states = await self.states([order_id])
        if order_id not in states:
            raise OrderNotFound(order_id)
        return states[order_id]

    async def states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the version and status of the existing orders among the ids: `page_limit` ids at most."""
        self._check_limit(len(order_ids), lowest=0)
        self._require_readable()
        return await self._context.reading.states(order_ids)

    async def page(self, status: Status | None, user_id: str | None, limit: int, cursor: str | None) -> OrderList:
        """Return one page of orders, newest first."""
        self._check_limit(limit, lowest=1)
        if user_id is not None and (problem := stored_identifier_problem(user_id)):
            message = f"user_id {problem}."
            raise InvalidQuery(message)
        query = OrderQuery(limit=limit, status=status, user_id=user_id, after=decode_cursor(cursor, status, user_id))
        self._require_readable()
        page = await self._context.reading.page(query)
        return OrderList(page.orders, encode_cursor(page.next, status, user_id))

    async def history(self, order_id: str, after: int, limit: int | None) -> Sequence[Event]:
        """Return an order's events with a version above `after`, oldest first. Raises OrderNotFound."""
        most = self._page_limit if limit is None else limit
        self._check_limit(most, lowest=1)
        check_order_id(order_id)
        events = await self._ask("history", most, lambda: self._context.repository.history(order_id, after, most))
        if not events:
            await self.state(order_id)
        return events

    async def events(self, after: str | None, limit: int) -> EventPage:
        """Return events of all orders from the first, or after a cursor."""
        self._check_limit(limit, lowest=0)
        cursor = None if after is None else Cursor(after)
        return await self._ask("events", limit, lambda: self._context.repository.events(cursor, limit))

    @property
    def reads_exactly(self) -> bool:
        """Whether the repository is an ExactReader: `events_until` works, and pages of events have their `cursors`."""
        return isinstance(self._context.repository, ExactReader)

    async def events_until(self, end: str, *, after: str, limit: int) -> EventPage:
        """Return events of all orders after a cursor, up to the cursor `end`.

        Raises InvalidCursor, and TypeError if the repository is not an ExactReader.
        """
        self._check_limit(limit, lowest=0)
        reader = self._context.repository
        if not isinstance(reader, ExactReader):
            message = "The repository does not implement ExactReader."
            raise TypeError(message)
        return await self._ask("events", limit, lambda: reader.events_until(Cursor(after), limit, Cursor(end)))

    async def metrics(self) -> Statistics:
        """Return exact metrics."""
        return await self._ask("statistics", 1, self._context.repository.statistics)

    async def _ask(self, operation: str, orders: int, call: Callable[[], Awaitable[Answer]]) -> Answer:
        self._require_readable()
        return await self._context.calls.ask(operation, orders, call())

    def _require_readable(self) -> None:
        self._runtime.require_started()
        self._context.availability.require_readable()

    def _check_limit(self, limit: int, *, lowest: int) -> None:
        if not lowest <= limit <= self._page_limit:
            message = f"limit must be between {lowest} and {self._page_limit}, not {limit}."
            raise InvalidQuery(message)
