"""The PostgreSQL repository. Each call is one transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
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
from order_engine_adapters.postgres.claim_floor import ClaimFloor
from order_engine_adapters.postgres.connection.sessions import Sessions
from order_engine_adapters.postgres.connection.target import Connection
from order_engine_adapters.postgres.database_clock import DatabaseClock
from order_engine_adapters.postgres.reading import event_stream, lists, orders
from order_engine_adapters.postgres.writing import claims, order_inserts, order_updates
from order_engine_adapters.postgres.writing.locked_names import LockedNames
from order_engine_adapters.postgres.writing.locked_orders import LockedOrders


class PostgresRepository:
    """Stores orders in a schema of a PostgreSQL database, for any number of processes.

    Times are those of the database, from the schema's function `order_engine_now`.
    """

    def __init__(self, sessions: Sessions, clock: DatabaseClock | None = None) -> None:
        """Use `sessions`, which the caller closes. `clock` tracks the database's time."""
        self._sessions = sessions
        self._clock = clock or DatabaseClock(time.monotonic)
        self._floor = ClaimFloor(time.monotonic)
        self._locked_names = LockedNames(time.monotonic, sessions.target.budget.looking)
        self._locked_orders = LockedOrders(time.monotonic)

    # Writing

    async def add(
        self, placements: Sequence[Placement], hold: ClaimTerms | None = None, *, connection: Connection | None = None
    ) -> Sequence[Added]:
        """Store new orders. The first ones are leased on the terms of `hold`.

        With `connection`, a connection of the host application with an open transaction, the orders become part of that
        transaction: they exist once it commits. Errors are those of the driver, nothing is retried, and ValueError is
        raised if no transaction is open. Keep the transaction short: other clients that place the same order wait for
        its end, up to the request timeout.
        """
        if connection is not None:
            return await order_inserts.add_for_host(connection, self._sessions.target.schema, placements, hold)
        return await order_inserts.add(self._sessions, self._locked_names, placements, hold)

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Lease due orders, or the due ones among the named orders."""
        return await claims.claim_orders(self._sessions, self._floor, self._clock, terms)

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Extend leases with a current token."""
        return await order_updates.renew(self._sessions, leases, seconds)

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply reports and actions of clients."""
        return await order_updates.apply(self._sessions, self._locked_orders, self._clock, commands)

    # Reading

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders with these ids that exist."""
        return await orders.get(self._sessions, order_ids)

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the existing orders among the first ids, up to a size limit."""
        return await orders.get_some(self._sessions, order_ids, max_bytes)

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the states of the orders with these ids that exist."""
        return await orders.get_states(self._sessions, order_ids)

    async def list(self, query: OrderQuery) -> OrderPage:
        """Return one page, newest first."""
        return await lists.list_orders(self._sessions, query)

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return events of one order."""
        return await orders.history(self._sessions, order_id, after, limit)

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Return events of all orders. The cursor contains the seen transactions."""
        return await event_stream.events(self._sessions, after, limit, None)

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Return events of all orders up to a cursor."""
        return await event_stream.events(self._sessions, after, limit, until)

    async def statistics(self) -> Statistics:
        """Return the counters."""
        return await orders.statistics(self._sessions)
