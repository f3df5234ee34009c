"""The SQLite repository: the port's calls, each carried out whole on the database's thread."""

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
    """Keeps orders in one file, which this process holds alone.

    A call is a job of the database's thread, and jobs run in the order of the calls: so each is one transaction, and
    sees every one that was called before it. Its time is that of the call, which is earlier than that of the job, and
    taken where the clock belongs: leases end rather too early than too late.
    """

    def __init__(self, store: OrderTables, thread: DatabaseThread, clock: Clock) -> None:
        """Serve from `store`, which was opened on `thread`. Whoever made these two closes them."""
        self._store = store
        self._thread = thread
        self._clock = clock

    def announce(self, address: str) -> None:
        """Write the URL of this process's HTTP service into the lock file."""
        self._store.lock.announce(address)

    # Writing

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Store new orders, the first of them held on the terms of `hold`."""
        return await self._thread.call(transactions.add, self._store, placements, hold, self._clock.now())

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Hand out due orders, or those of the named ones that are due."""
        return await self._thread.call(claims.claim_orders, self._store, terms, self._clock.now())

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Extend the leases whose token is current."""
        return await self._thread.call(transactions.renew_leases, self._store, leases, seconds, self._clock.now())

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply reports and clients' actions."""
        return await self._thread.call(transactions.apply, self._store, commands, self._clock.now())

    # Reading

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders that exist among the ids: without the thread, if all were written lately."""
        recent = self._store.recent.find_all(order_ids)
        return recent if recent is not None else await self._thread.call(self._store.get, order_ids)

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the orders that exist among the first ids: without the thread, if all were written lately."""
        recent = self._store.recent.find_all(order_ids)
        if recent is not None:
            return first_portion(order_ids, recent, max_bytes)
        return await self._thread.call(self._store.get_some, order_ids, max_bytes)

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return how the orders stand that exist: without the thread, if all were written lately."""
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
        """Return events of all orders; the cursor is the row of the last one, and its fingerprint."""
        return await self._thread.call(orders.events, self._store, after, limit, None)

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Return events of all orders up to an end."""
        return await self._thread.call(orders.events, self._store, after, limit, until)

    async def statistics(self) -> Statistics:
        """Return the counters."""
        return await self._thread.call(orders.statistics, self._store)
