"""The in-memory repository: the whole contract in dictionaries, for tests, simulations and orders that may be lost.

It is not durable. No method awaits, so each call is atomic on the event loop. The domain makes all decisions.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Final

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.content.sizes import ByteBudget
from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event, event_fingerprint
from order_engine.domain.metrics import Counters, Statistics
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, takes_long
from order_engine.ports.batch_rules import ClaimBatch, PlacementBatch, Stamp, apply_commands, renew_leases
from order_engine.ports.clock import Clock
from order_engine.ports.portions import first_portion, repeated_claim
from order_engine.ports.repository import (
    Added,
    AddOutcome,
    Applied,
    Claimed,
    Cursor,
    EventPage,
    OrderPage,
    OrderQuery,
    OrderState,
    PageKey,
    Portion,
    Renewed,
)
from order_engine_adapters.memory.history import History
from order_engine_adapters.memory.schedule import Schedule

DEFAULT_CAPACITY = 1_000_000

CURSOR: Final = re.compile("([^:]+):(0|[1-9][0-9]{0,17}):([0-9a-f]*)")

_instances = count()


class MemoryRepository:
    """Stores up to `capacity` orders in memory. Placements beyond that get FULL."""

    def __init__(self, clock: Clock, capacity: int = DEFAULT_CAPACITY) -> None:
        """Start empty."""
        self._clock = clock
        self._capacity = capacity
        self._orders: dict[str, Order] = {}
        self._history = History()
        self._keys: dict[str, KeyBinding] = {}
        self._listing: list[tuple[datetime, str]] = []
        self._counters = Counters()
        self._schedule = Schedule(self._orders)
        # Distinguishes cursors of this repository from those of others, including one before a restart.
        self._name = f"{clock.now():%Y%m%d%H%M%S%f}-{next(_instances)}"

    # Writing

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Store new orders. The first ones are leased on the terms of `hold`."""
        stamp = Stamp(self._clock.now())
        batch = PlacementBatch(self._orders, self._keys, hold, stamp, self._capacity)
        outcomes: list[Added] = []
        for placement in placements:
            added = batch.add_one(placement)
            if added.outcome is AddOutcome.ADDED:
                self._store(*batch.placed.pop())
            outcomes.append(added)
            if takes_long(placement):
                await asyncio.sleep(0)
        return outcomes

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Lease due orders, or the due ones among the named orders."""
        if already := self._schedule.held_by(terms.claim_id):
            return repeated_claim(already, terms)
        now = self._clock.now()
        if terms.order_ids is not None:
            return self._claim_from(self._named(terms.order_ids), terms, now)[0]
        due = self._schedule.due(now, with_leases=terms.take_ended_leases)
        claimed, passed_over = self._claim_from(due, terms, now)
        self._schedule.passed_over(passed_over)
        return claimed

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Extend leases with a current token."""
        outcomes, steps = renew_leases(self._orders, leases, seconds, self._clock.now())
        for before, after, _ in steps:
            self._commit(before, after)
        return outcomes

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply reports and actions of clients."""
        outcomes, steps = apply_commands(self._orders, commands, self._clock.now())
        for before, after, event in steps:
            if event is not None:
                self._commit(before, after, event)
        return outcomes

    # Reading

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders with these ids that exist."""
        orders = self._orders
        return {order_id: orders[order_id] for order_id in order_ids if order_id in orders}

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the existing orders among the first ids."""
        return first_portion(order_ids, self._orders, max_bytes)

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the states of the orders with these ids that exist."""
        found = await self.get(order_ids)
        return {order_id: OrderState(order.version, order.status) for order_id, order in found.items()}

    async def list(self, query: OrderQuery) -> OrderPage:
        """Return one page, newest first. Scans every order in between, matching or not."""
        found: list[Order] = []
        budget = ByteBudget(query.max_bytes)
        for order in self._newest_first(query.after):
            if query.status not in {None, order.status} or query.user_id not in {None, order.user_id}:
                continue
            if len(found) == query.limit or not budget.admits(order.size):
                last = found[-1]
                return OrderPage(found, PageKey(last.created_at, last.order_id))
            found.append(order)
        return OrderPage(found, None)

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return events of one order."""
        return self._history.of(order_id, after, limit)

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Return events of all orders. A cursor is the position in the log and the event before it."""
        return self._event_page(after, limit, None)

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Return events of all orders up to a cursor."""
        return self._event_page(after, limit, until)

    def _event_page(self, after: Cursor | None, limit: int, until: Cursor | None) -> EventPage:
        start, end = self._place(after), len(self._history) if until is None else self._place(until)
        if after is None and limit == 0:
            start = end
        found = self._history.page(start, min(limit, end - start))
        cursors = [self._cursor(place, event) for place, event in enumerate(found, start + 1)]
        return EventPage(found, cursors[-1] if cursors else self._cursor(start, self._before(start)), cursors)

    async def statistics(self) -> Statistics:
        """Return the counters."""
        return self._counters.statistics()

    # Parts of a transaction

    def _store(self, order: Order, events: Sequence[Event]) -> None:
        # Its place in the list is nearly always the end, which is quicker to try than to search.
        key = (order.created_at, order.order_id)
        if not self._listing or self._listing[-1] < key:
            self._listing.append(key)
        else:
            insort(self._listing, key)
        self._commit(None, order, *events)

    def _claim_from(
        self, candidates: Iterable[Order], terms: ClaimTerms, now: datetime
    ) -> tuple[Claimed, Sequence[Order]]:
        """Claim or end candidates up to the limit. Also return the skipped ones."""
        batch = ClaimBatch(terms, Stamp(now))
        passed_over: list[Order] = []
        if batch.places_left == 0:
            return batch.claimed, passed_over
        for order in candidates:
            taken = batch.take(order)
            if taken is None:
                passed_over.append(order)
            elif taken.event is not None:
                self._commit(order, taken.order, taken.event)
            if batch.places_left == 0:
                break
        return batch.claimed, passed_over

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        """Commit one step: the order, its history, the log, the counters and the schedule."""
        self._orders[after.order_id] = after
        if events:
            self._history.extend(after.order_id, events)
            self._counters.record(before, after)
        self._schedule.moved(before, after)

    # Lookup

    def _named(self, order_ids: Iterable[str]) -> Iterator[Order]:
        return (self._orders[order_id] for order_id in dict.fromkeys(order_ids) if order_id in self._orders)

    def _newest_first(self, after: PageKey | None) -> Iterator[Order]:
        end = len(self._listing)
        if after is not None:
            end = bisect_left(self._listing, (after.created_at, after.order_id))
        return (self._orders[self._listing[index][1]] for index in range(end - 1, -1, -1))

    def _place(self, cursor: Cursor | None) -> int:
        if cursor is None:
            return 0
        match = CURSOR.fullmatch(cursor)
        place = int(match[2]) if match is not None and match[1] == self._name else len(self._history) + 1
        if place <= len(self._history) and cursor == self._cursor(place, self._before(place)):
            return place
        message = "The cursor belongs to another repository. Start again without a cursor."
        raise InvalidCursor(message)

    def _before(self, place: int) -> Event | None:
        """Return the event before a position in the log, or None before the first."""
        return self._history.page(place - 1, 1)[0] if place else None

    def _cursor(self, place: int, event: Event | None) -> Cursor:
        """Return the cursor of a position, including the last event that its reader has seen."""
        return Cursor(f"{self._name}:{place}:{event_fingerprint(event) if event is not None else ''}")
