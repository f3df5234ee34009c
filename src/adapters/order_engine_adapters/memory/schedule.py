"""Index of the orders that can be claimed, and of the leased orders by claim."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import chain

from order_engine.domain.order import Order


class Schedule:
    """Index that follows each change of an order, so that a claim visits only candidates.

    Three kinds of orders can be claimed: orders without a due time (first come, first served), orders whose due time is
    reached, and leased orders whose lease may have expired.
    """

    def __init__(self, orders: Mapping[str, Order]) -> None:
        """Use the repository's mapping of all orders, which must be up to date before each call of `moved`."""
        self._orders = orders
        # OrderedDict, because finding the first key of a dict scans all keys deleted before it.
        self._at_once: OrderedDict[str, None] = OrderedDict()
        self._later: list[tuple[datetime, int, str]] = []
        self._claims: dict[str, dict[str, None]] = {}
        self._no_lease_ends_before: datetime | None = None
        self._serial = 0

    def moved(self, before: Order | None, after: Order) -> None:
        """Update the index for a new version of an order. The previous version is None for a new order."""
        order_id = after.order_id
        if before is not None:
            if before.lease_ends is not None:
                self._leave_claim(before)
            elif before.due is None:
                self._at_once.pop(order_id, None)
        if after.lease_ends is not None:
            claim_id = after.claim_id or ""
            if claim_id in self._claims:
                self._claims[claim_id][order_id] = None
            else:
                self._claims[claim_id] = {order_id: None}
            if self._no_lease_ends_before is None or after.lease_ends < self._no_lease_ends_before:
                self._no_lease_ends_before = after.lease_ends
        elif after.due is not None:
            self._push(after.due, order_id)
        elif after.ended_at is None:
            self._at_once[order_id] = None

    def held_by(self, claim_id: str) -> list[Order]:
        """Return the orders leased by this claim."""
        return [self._orders[order_id] for order_id in self._claims.get(claim_id, ())]

    def due(self, now: datetime, *, with_leases: bool) -> Iterator[Order]:
        """Yield the orders that can be claimed at `now`, longest due first, including those with expired leases.

        The caller must return orders that it does not claim with `passed_over`.
        """
        ended = deque(self._ended_leases(now) if with_leases else ())
        while True:
            once = self._orders[next(iter(self._at_once))].updated_at if self._at_once else None
            later = self._first_of_later(now)
            lease = ended[0].lease_ends if ended else None
            if once is not None and (later is None or once <= later) and (lease is None or once <= lease):
                yield self._orders[self._at_once.popitem(last=False)[0]]
            elif later is not None and (lease is None or later <= lease):
                yield self._orders[heappop(self._later)[2]]
            elif lease is not None:
                yield ended.popleft()
            else:
                return

    def passed_over(self, orders: Sequence[Order]) -> None:
        """Put back orders from `due` that were not claimed."""
        for order in reversed(orders):
            if order.due is not None:
                self._push(order.due, order.order_id)
            elif order.lease_ends is None:
                self._at_once[order.order_id] = None
                self._at_once.move_to_end(order.order_id, last=False)

    def _push(self, due: datetime, order_id: str) -> None:
        self._serial += 1
        heappush(self._later, (due, self._serial, order_id))

    def _leave_claim(self, order: Order) -> None:
        claim_id = order.claim_id or ""
        claimed = self._claims[claim_id]
        del claimed[order.order_id]
        if not claimed:
            del self._claims[claim_id]

    def _first_of_later(self, now: datetime) -> datetime | None:
        """Return the due time of the first waiting order if it is reached. Drops stale entries."""
        while self._later:
            due, _, order_id = self._later[0]
            if self._orders[order_id].due == due:
                return due if due <= now else None
            heappop(self._later)
        return None

    def _ended_leases(self, now: datetime) -> list[Order]:
        """Return the leased orders with expired leases. Scans them only when one can have expired."""
        if self._no_lease_ends_before is None or now < self._no_lease_ends_before:
            return []
        orders = map(self._orders.__getitem__, chain.from_iterable(self._claims.values()))
        held = [(order.lease_ends, order) for order in orders if order.lease_ends]
        self._no_lease_ends_before = min((lease_ends for lease_ends, _ in held), default=None)
        ended = [(lease_ends, order) for lease_ends, order in held if lease_ends <= now]
        return [order for _, order in sorted(ended, key=lambda pair: pair[0])]
