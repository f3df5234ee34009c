"""The SQLite repository. Each call runs as a whole on the database thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
from order_engine.ports.clock import Clock
from order_engine.ports.portions import first_portion
from order_engine.ports.repository import (
    Added,
    Applied,
    Claimed,
    Cursor,
    EventPage,
    OrderPage,
    OrderQuery,
    OrderState,
    Portion,
    Renewed,
)
from order_engine_adapters.sqlite.connection.thread import DatabaseThread
from order_engine_adapters.sqlite.order_tables import OrderTables
from order_engine_adapters.sqlite.reading import lists, orders
from order_engine_adapters.sqlite.writing import claims, transactions


class SqliteRepository:
    """Stores orders in one file, used by this process only.

    A call is a job of the database thread, and jobs run in call order. Each one is a transaction and sees all earlier
    ones. Its time is that of the call, not that of the later job, so leases expire slightly early rather than late.
    """

    def __init__(self, store: OrderTables, thread: DatabaseThread, clock: Clock) -> None:
        """Use `store`, which was opened on `thread`. The caller closes both."""
        self._store = store
        self._thread = thread
        self._clock = clock

    def announce(self, address: str) -> None:
        """Write the URL of this process's HTTP service to the lock file."""
        self._store.lock.announce(address)

    # Writing

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Store new orders. The first ones are leased on the terms of `hold`."""
        return await self._thread.call(transactions.add, self._store, placements, hold, self._clock.now())

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Lease due orders, or the due ones among the named orders."""
        return await self._thread.call(claims.claim_orders, self._store, terms, self._clock.now())

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Extend leases with a current token."""
        return await self._thread.call(transactions.renew_leases, self._store, leases, seconds, self._clock.now())

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply reports and actions of clients."""
        return await self._thread.call(transactions.apply, self._store, commands, self._clock.now())

    # Reading

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders with these ids that exist, without the thread if all are cached."""
        recent = self._store.recent.find_all(order_ids)
        return recent if recent is not None else await self._thread.call(self._store.get, order_ids)

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the existing orders among the first ids, without the thread if all are cached."""
        recent = self._store.recent.find_all(order_ids)
        if recent is not None:
            return first_portion(order_ids, recent, max_bytes)
        return await self._thread.call(self._store.get_some, order_ids, max_bytes)

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the states of the orders that exist, without the thread if all are cached."""
        recent = self._store.recent.find_all(order_ids)
        if recent is None:
            return await self._thread.call(self._store.states, order_ids)
        return {order_id: OrderState(order.version, order.status) for order_id, order in recent.items()}

    async def list(self, query: OrderQuery) -> OrderPage:
        """Return one page, newest first."""
        return await self._thread.call(lists.list_orders, self._store, query)

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return events of one order."""
        return await self._thread.call(orders.history, self._store, order_id, after, limit)

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Return events of all orders. The cursor is the row and the fingerprint of the last one."""
        return await self._thread.call(orders.events, self._store, after, limit, None)

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Return events of all orders up to a cursor."""
        return await self._thread.call(orders.events, self._store, after, limit, until)

    async def statistics(self) -> Statistics:
        """Return the counters."""
        return await self._thread.call(orders.statistics, self._store)
