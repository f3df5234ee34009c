"""Orders locked by other database transactions, such as an open transaction of the host application."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import Added, AddOutcome, Applied, Claimed, OrderQuery, OrderRepository, Renewed

PAGE: Final = 1000


class Locks:
    """Locked orders, and the times at which they were locked. Calls skip them like locked rows in a database."""

    def __init__(self) -> None:
        """Start without locks."""
        self._locked: Counter[str] = Counter()
        self._spans: defaultdict[str, list[list[float]]] = defaultdict(list)

    def begin(self, order_ids: Iterable[str], now: float = 0.0) -> None:
        """Lock these orders, whether or not they exist."""
        for order_id in order_ids:
            self._locked[order_id] += 1
            self._spans[order_id].append([now, inf])

    def end(self, order_ids: Iterable[str], now: float = inf) -> None:
        """Release one lock on each of these orders."""
        for order_id in order_ids:
            self._locked[order_id] -= 1
            next(span for span in self._spans[order_id] if span[1] == inf)[1] = now
        self._locked = +self._locked

    def seconds_between(self, order_id: str, begin: float, end: float) -> float:
        """Return the total time for which an order was locked between `begin` and `end`, summed over all locks."""
        return sum(max(0.0, min(last, end) - max(first, begin)) for first, last in self._spans.get(order_id, ()))

    # The calls, at the moment of their effect

    async def add(
        self, store: OrderRepository, placements: Sequence[Placement], hold: ClaimTerms | None
    ) -> Sequence[Added]:
        """Add to `store` what is not locked."""
        if not self._locked:
            return await store.add(placements, hold)
        outcomes = iter(await store.add([each for each in placements if each.order_id not in self._locked], hold))
        return [Added(AddOutcome.BUSY) if each.order_id in self._locked else next(outcomes) for each in placements]

    async def claim(self, store: OrderRepository, terms: ClaimTerms) -> Claimed:
        """Claim what is not locked: of the named orders, or else of all that have not ended."""
        if not self._locked or terms.limit <= 0:
            return await store.claim(terms)
        wanted = await _unfinished(store) if terms.order_ids is None else terms.order_ids
        return await store.claim(replace(terms, order_ids=[each for each in wanted if each not in self._locked]))

    async def renew(self, store: OrderRepository, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Renew what is not locked."""
        if not self._locked:
            return await store.renew(leases, seconds)
        answers = iter(await store.renew([each for each in leases if each.order_id not in self._locked], seconds))
        return [Renewed.BUSY if each.order_id in self._locked else next(answers) for each in leases]

    async def apply(self, store: OrderRepository, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply what is about orders that are not locked."""
        if not self._locked:
            return await store.apply(commands)
        answers = iter(await store.apply([each for each in commands if each.order_id not in self._locked]))
        busy = Applied(RefusalReason.BUSY, None)
        return [busy if each.order_id in self._locked else next(answers) for each in commands]


async def _unfinished(store: OrderRepository) -> Sequence[str]:
    """Return the ids of all orders that have not ended, the oldest first."""
    found: list[Order] = []
    for status in (Status.PENDING, Status.PROCESSING):
        query: OrderQuery | None = OrderQuery(limit=PAGE, status=status)
        while query is not None:
            page = await store.list(query)
            found.extend(page.orders)
            query = None if page.next is None else replace(query, after=page.next)
    return [order.order_id for order in sorted(found, key=lambda order: order.created_at)]
