"""Placement of orders: validated orders are stored in batches, and start immediately in free slots."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import nullcontext
from typing import NamedTuple, TypeAlias

from order_engine.application.calls.calls import require_count
from order_engine.application.calls.group_commit import GroupCommit, batch_limits
from order_engine.application.context import EngineContext
from order_engine.application.doorbell import Doorbell
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import Placement
from order_engine.domain.content.validation import validate
from order_engine.domain.errors import (
    IdempotencyKeyReused,
    OrderBusy,
    OrderConflict,
    OrderEngineError,
    OutcomeUnknown,
    Overloaded,
    StoreRefused,
)
from order_engine.domain.order import NewOrder, Order
from order_engine.ports.repository import Added, AddOutcome

ORDER_ID_BITS = 128
BATCHES_AHEAD = 2
"""How many batches `place_many` submits ahead of their answers: one in progress, one being collected."""
STEP_BYTES = 32 * 1024
"""Amount of content after which `place_many` lets other tasks run: 100 typical orders, or one of 10,000 items."""
REFUSED_BYTES = 4 * 1024
"""Amount that an invalid order counts for, since its validation may have taken long."""


class Placed(NamedTuple):
    """A stored order. `replayed`: it was stored before, with the same content."""

    order: Order
    replayed: bool


_Pending: TypeAlias = "tuple[Placement, asyncio.Future[Added]] | OrderEngineError"


class Placer:
    """Stores new orders in the repository."""

    def __init__(self, context: EngineContext, worker: Worker | None, doorbell: Doorbell) -> None:
        """Start new orders in `worker`, if any; announce the others by `doorbell`."""
        options = context.options
        self._context = context
        self._worker = worker
        self._doorbell = doorbell
        limits = batch_limits(options, options.max_waiting, options.max_waiting_bytes, options.request_seconds)
        backoff = context.busy_backoff()
        self.batcher: GroupCommit[Placement, Added] = GroupCommit(self._commit, limits, context.clock, backoff)

    def begin(self, order: NewOrder, idempotency_key: str | None) -> tuple[Placement, asyncio.Future[Added]]:
        """Validate and submit an order; `placed` converts the result of the future."""
        placement = self._validated(order, idempotency_key)
        self._context.availability.require_writable()
        return placement, self.batcher.submit(placement, placement.size)

    async def place_many(self, orders: Iterable[NewOrder]) -> list[Placed | OrderEngineError]:
        """Place orders one after the other, as fast as the repository accepts them; return each outcome."""
        outcomes: list[Placed | OrderEngineError] = []
        pending: deque[_Pending] = deque()
        since_pause = 0
        ahead = BATCHES_AHEAD * self._context.options.batch_orders
        try:
            for order in orders:
                if len(pending) >= ahead:
                    outcomes.append(await _settled(pending.popleft()))
                if not self.batcher.has_room:
                    await self.batcher.room()
                begun = self._begin(order)
                pending.append(begun)
                since_pause += REFUSED_BYTES if isinstance(begun, OrderEngineError) else begun[0].size
                if since_pause >= STEP_BYTES:
                    since_pause = 0
                    await self._context.clock.sleep(0)
            while pending:
                outcomes.append(await _settled(pending.popleft()))
        finally:
            _cancel_pending(pending)
        return outcomes

    def _begin(self, order: NewOrder) -> _Pending:
        try:
            return self.begin(order, None)
        except OrderEngineError as error:
            return error

    def _validated(self, order: NewOrder, idempotency_key: str | None) -> Placement:
        made_order_id = ""
        if order.order_id is None:
            made_order_id = f"{self._context.random.getrandbits(ORDER_ID_BITS):032x}"
        return validate(order, made_order_id, self._context.options.content, idempotency_key)

    async def _commit(self, placements: Sequence[Placement]) -> Sequence[Added | OrderEngineError]:
        """Store one batch; as many orders as the worker has free slots are born claimed."""
        context = self._context
        slots = self._worker.reserve_slots(len(placements)) if self._worker is not None else None
        hold = slots.terms if slots is not None else None
        tries = 0

        def add() -> Awaitable[Sequence[Added]]:
            nonlocal tries
            tries += 1
            return context.repository.add(placements, hold)

        with slots or nullcontext():
            answers = await context.calls.until_known("add", len(placements), add)
            added = require_count(answers, len(placements))
            in_doubt = tries > 1
            busy = self._hand_over(added, slots, in_doubt=in_doubt)
        return _without_busy(placements, added, in_doubt=in_doubt) if busy else added

    def _hand_over(self, added: Sequence[Added], slots: ClaimSlots | None, *, in_doubt: bool) -> bool:
        """Start the orders that were born claimed, announce the other new ones, and return whether any was busy.

        If a previous try of the same call is `in_doubt`, that try may hold the lock and may still store the order under
        the claim. In this case, the claim is repeated later to find its orders.
        """
        if slots is not None:
            slots.is_in_doubt = True
        held: list[Order] = []
        waiting: list[str] = []
        busy = False
        for item in added:
            order = item.order
            if order is None:
                busy = busy or item.outcome is AddOutcome.BUSY
                continue
            if slots is not None and order.claim_id == slots.terms.claim_id and order.leased:
                held.append(order)
            elif item.outcome is AddOutcome.ADDED:
                waiting.append(order.order_id)
        if self._worker is not None and slots is not None and not (busy and in_doubt):
            self._worker.start_reserved(slots, held)
        if waiting:
            self._doorbell.ring(waiting)
            if self._worker is not None:
                self._worker.note_backlog()
        return busy


def _without_busy(
    placements: Sequence[Placement], added: Sequence[Added], *, in_doubt: bool
) -> Sequence[Added | OrderEngineError]:
    """Replace busy outcomes by errors: OrderBusy, or OutcomeUnknown if a previous try is in doubt."""
    return [
        item if item.outcome is not AddOutcome.BUSY else _busy(placement.order_id, in_doubt=in_doubt)
        for placement, item in zip(placements, added, strict=True)
    ]


def _busy(order_id: str, *, in_doubt: bool) -> OrderEngineError:
    busy = OrderBusy(order_id)
    return OutcomeUnknown(f"A previous try may have taken effect. {busy}") if in_doubt else busy


def _cancel_pending(pending: Iterable[_Pending]) -> None:
    """Cancel items that have not been stored, after the caller was cancelled."""
    for each in pending:
        if not isinstance(each, OrderEngineError):
            each[1].cancel()


async def _settled(pending: _Pending) -> Placed | OrderEngineError:
    if isinstance(pending, OrderEngineError):
        return pending
    placement, outcome = pending
    try:
        return placed(placement, await outcome)
    except OrderEngineError as error:
        return error


def placed(placement: Placement, added: Added) -> Placed:
    """Return the outcome for the client, or raise its error."""
    if added.outcome is AddOutcome.CONFLICT:
        raise OrderConflict(placement.order_id)
    if added.outcome is AddOutcome.KEY_REUSED:
        raise IdempotencyKeyReused(placement.idempotency_key or "")
    if added.outcome is AddOutcome.FULL:
        message = "The repository has reached its limit of orders."
        raise Overloaded(message)
    if added.outcome is AddOutcome.REFUSED or added.order is None:
        message = f"The repository cannot store order {placement.order_id!r}: {added.reason}"
        raise StoreRefused(message)
    return Placed(added.order, replayed=added.outcome is AddOutcome.REPLAYED)
