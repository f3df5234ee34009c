"""A repository under test, and short words for what the suites do to it again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Unpack

from order_engine.contracts import samples
from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.fault_hooks import NO_FAULTS, FaultHooks
from order_engine.contracts.harness import RepositoryHarness, RestorableHarness
from order_engine.domain.commands import Action, ClaimTerms, Command, Lease, Placement
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
from order_engine.ports.repository import (
    Added,
    AddOutcome,
    Applied,
    Claimed,
    Cursor,
    EventPage,
    ExactReader,
    OrderQuery,
    OrderRepository,
    PageKey,
    Renewed,
)

MOST_TRIES = 100
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a repository returns about some orders at one moment. Equal pictures: nothing changed."""

    orders: Mapping[str, Order]
    histories: Mapping[str, Sequence[Event]]
    statistics: Statistics


class Trial:
    """One test's use of one repository."""

    def __init__(self, harness: RepositoryHarness) -> None:
        """Begin with an empty repository, the time of which is not known yet."""
        self.faults: FaultHooks = getattr(harness, "faults", NO_FAULTS)
        self._harness = harness
        self._turned = timedelta()
        self._began: datetime | None = None
        self._serial = count(1)

    @property
    def repository(self) -> OrderRepository:
        """The repository under test, after a restore another one."""
        return self._harness.repository

    @property
    def restorable(self) -> RestorableHarness | None:
        """The harness, where it can go back in time."""
        return self._harness if isinstance(self._harness, RestorableHarness) else None

    @property
    def now(self) -> datetime:
        """The repository's time of day, as learnt from the first order that it stored."""
        if self._began is None:
            message = "the kit learns the time from the first order it places, and has placed none yet"
            raise RuntimeError(message)
        return self._began + self._turned

    async def advance(self, seconds: float) -> None:
        """Let time pass, or set the repository's clock back."""
        await self._harness.advance(seconds)
        self._turned += timedelta(seconds=seconds)

    async def add(self, *placements: Placement, hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Add, checking that there is one outcome for each placement."""
        outcomes = await self.repository.add(placements, hold)
        expect_equal(len(outcomes), len(placements), "the number of outcomes of an add")
        for added in outcomes:
            if self._began is None and added.outcome is AddOutcome.ADDED and added.order is not None:
                self._began = added.order.created_at - self._turned
        return outcomes

    async def place(self, order_id: str = "order-1", **content: Unpack[samples.Content]) -> Order:
        """Store one new order."""
        (added,) = await self.add(samples.placement(order_id, **content))
        expect_equal(added.outcome, AddOutcome.ADDED, f"the outcome of placing the new order {order_id!r}")
        if added.order is None:
            message = f"an order that was added comes with its outcome; {order_id!r} did not"
            raise AssertionError(message)
        return added.order

    def terms(self, **changes: Unpack[samples.Terms]) -> ClaimTerms:
        """Return terms under a claim id that was never used."""
        return samples.terms(f"claim-{next(self._serial)}", **changes)

    async def claim(self, **changes: Unpack[samples.Terms]) -> Claimed:
        """Claim under a new claim id."""
        return await self.repository.claim(self.terms(**changes))

    async def take(self, order_id: str, **changes: Unpack[samples.Terms]) -> Order:
        """Claim this one order, which is there to be claimed."""
        claimed = await self.claim(**(changes | samples.Terms(order_ids=[order_id])))
        expect_equal(ids(claimed.orders), [order_id], f"the orders claimed by a claim of the due order {order_id!r}")
        return claimed.orders[0]

    async def claim_only(self) -> Order:
        """Claim whatever is due, which is one order."""
        claimed = await self.claim()
        expect_equal(len(claimed.orders), 1, "the number of orders claimed where one is due")
        return claimed.orders[0]

    async def place_and_claim(self, order_id: str = "order-1", **changes: Unpack[samples.Terms]) -> Order:
        """Store one new order and claim it."""
        await self.place(order_id)
        return await self.take(order_id, **changes)

    async def vanish_order(self, order_id: str, times: int) -> Order:
        """Store one new order whose attempts vanish: each of `times` leases ends without a report."""
        await self.place(order_id)
        for _ in range(times):
            await self.take(order_id, max_deliveries=times + 1)
            await self.advance(samples.AFTER_THE_LEASE)
        return await self.order(order_id)

    async def apply(self, *commands: Command) -> Sequence[Applied]:
        """Apply, checking that there is one outcome for each command."""
        outcomes = await self.repository.apply(commands)
        expect_equal(len(outcomes), len(commands), "the number of outcomes of an apply")
        return outcomes

    async def report(
        self, leased: Order, action: Action, *, delay: float = 0.0, reason: str | None = None, token: int | None = None
    ) -> Applied:
        """Report on an attempt under its token, or under another one."""
        token = leased.token if token is None else token
        (applied,) = await self.apply(Command(leased.order_id, action, token=token, delay=delay, reason=reason))
        return applied

    async def ask(
        self, order_id: str, action: Action, *, expected_version: int | None = None, reason: str | None = None
    ) -> Applied:
        """Ask for a cancellation or a redrive, as a client does."""
        (applied,) = await self.apply(Command(order_id, action, expected_version=expected_version, reason=reason))
        return applied

    async def do(self, command: Command) -> Order:
        """Apply one command that is to succeed, and return the order after it."""
        (applied,) = await self.apply(command)
        expect(applied.refusal is None, f"{command} is applied; it was refused as {applied.refusal!r}")
        return await self.order(command.order_id)

    async def renew(self, leased: Order, seconds: float = samples.LEASE_SECONDS) -> Renewed:
        """Renew one lease."""
        outcomes = await self.repository.renew([Lease(leased.order_id, leased.token)], seconds)
        expect_equal(len(outcomes), 1, "the number of outcomes of a renewal of one lease")
        return outcomes[0]

    async def order(self, order_id: str) -> Order:
        """Read one order that exists."""
        found = await self.repository.get([order_id])
        expect_equal(list(found), [order_id], f"the ids found when the order {order_id!r} is read")
        return found[order_id]

    async def history(self, order_id: str) -> list[Event]:
        """Read all events of one order."""
        return list(await self.repository.history(order_id, 0, samples.WHOLE_HISTORY))

    async def stream(self, page: int = samples.WHOLE_HISTORY) -> list[Event]:
        """Read the events of all orders from the first to the present end."""
        return (await self.follow(None, page))[0]

    async def event_page(self, after: Cursor | None, limit: int, until: Cursor | None = None) -> EventPage:
        """Return a page of events, with `until` one up to that end."""
        if until is None:
            return await self.repository.events(after, limit)
        if not isinstance(self.repository, ExactReader):
            message = "the repository is no ExactReader"
            raise TypeError(message)
        return await self.repository.events_until(after, limit, until)

    async def follow(self, cursor: Cursor | None, page: int, until: Cursor | None = None) -> tuple[list[Event], Cursor]:
        """Read on from a cursor until a page is empty; return what was found and the cursor after it."""
        found: list[Event] = []
        while True:
            answer = await self.event_page(cursor, page, until)
            expect(len(answer.events) <= page, f"a page must contain at most {page} events, not {len(answer.events)}")
            cursor = answer.next
            if not answer.events:
                return found, cursor
            # Checked at once: a stream that repeats itself may have no end.
            repeated = [event for event in answer.events if event in found]
            expect(not repeated, f"the stream has every event once; it repeats {repeated}")
            found.extend(answer.events)

    async def pages(self, query: OrderQuery) -> list[Sequence[Order]]:
        """Go through a list from a query to its last page."""
        found: list[Sequence[Order]] = []
        while True:
            page = await self.repository.list(query)
            expect(len(page.orders) <= query.limit, f"a page of {query.limit} orders has {len(page.orders)}")
            found.append(page.orders)
            if page.next is None:
                return found
            # Checked at once: a list that does not go on has no end.
            goes_on = page.orders and (query.after is None or _place(page.next) < _place(query.after))
            expect(goes_on, f"a page leads on to older orders; the one for {query} leads to {page.next}")
            query = replace(query, after=page.next)

    async def snapshot(self, *order_ids: str) -> Snapshot:
        """Read everything about these orders."""
        orders = dict(await self.repository.get(order_ids))
        histories = {order_id: await self.history(order_id) for order_id in order_ids}
        return Snapshot(orders, histories, await self.repository.statistics())


async def add_eventually(repository: OrderRepository, placements: Sequence[Placement]) -> Sequence[Added]:
    """Add, and ask again for what is busy because another call is just storing the same, as an engine does."""
    outcomes = list(await repository.add(placements))
    for _ in range(MOST_TRIES):
        busy = [place for place, added in enumerate(outcomes) if added.outcome is AddOutcome.BUSY]
        if not busy:
            return outcomes
        await asyncio.sleep(PAUSE_SECONDS)
        for place, added in zip(busy, await repository.add([placements[place] for place in busy]), strict=True):
            outcomes[place] = added
    message = f"orders were busy {MOST_TRIES} times without a lock outside of the test"
    raise AssertionError(message)


def ids(orders: Sequence[Order]) -> list[str]:
    """Return the ids of the orders, sorted: a claim promises no order within its answer."""
    return sorted(order.order_id for order in orders)


def _place(key: PageKey) -> tuple[datetime, str]:
    return key.created_at, key.order_id
