"""Placing: checked orders travel into the repository in batches, and start at once where a slot is free."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from order_engine.application.calls.calls import require_count
from order_engine.application.calls.group_commit import GroupCommit, batch_limits
from order_engine.application.context import EngineContext
from order_engine.application.doorbell import Doorbell
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.content.validation import validate
from order_engine.domain.errors import (
    AdapterFault,
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
"""How far `place_many` runs ahead of its answers: one batch under way, one that collects."""
STEP_BYTES = 32 * 1024
"""After so much content `place_many` gives everybody else a turn: a hundred usual orders, or one of 10,000 items."""
REFUSED_BYTES = 4 * 1024
"""What an order counts for that was refused, which may have taken long to find out."""


class Placed(NamedTuple):
    """An order that the repository has. `replayed`: it had it before, with the same content."""

    order: Order
    replayed: bool


_Pending: TypeAlias = "tuple[Placement, asyncio.Future[Added]] | OrderEngineError"


class Placer:
    """The way of new orders into the repository."""

    def __init__(self, context: EngineContext, worker: Worker | None, doorbell: Doorbell) -> None:
        """Offer new orders to `worker`, where there is one, and ring for those that it has no slot for."""
        options = context.options
        self._context = context
        self._worker = worker
        self._doorbell = doorbell
        limits = batch_limits(options, options.max_waiting, options.max_waiting_bytes, options.request_seconds)
        backoff = context.busy_backoff()
        self.batcher: GroupCommit[Placement, Added] = GroupCommit(self._commit, limits, context.clock, backoff)

    def begin(self, order: NewOrder, idempotency_key: str | None) -> tuple[Placement, asyncio.Future[Added]]:
        """Send an order on its way; `placed` makes the answer of what the future gets."""
        placement = self._validated(order, idempotency_key)
        self._context.availability.require_writable()
        return placement, self.batcher.submit(placement, placement.size)

    async def place_many(self, orders: Iterable[NewOrder]) -> list[Placed | OrderEngineError]:
        """Place orders one after the other, as fast as the repository takes them; each has its own outcome."""
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
        """Add one batch; as many orders as the worker has slots for are born claimed."""
        context = self._context
        asked = context.clock.monotonic()
        hold = self._worker.reserve_slots(len(placements)) if self._worker is not None else None
        tries = 0

        def add() -> Awaitable[Sequence[Added]]:
            nonlocal tries
            tries += 1
            return context.repository.add(placements, hold)

        try:
            answers = await context.calls.until_known("add", len(placements), add)
            added = require_count(answers, len(placements))
        except BaseException as error:
            if self._worker is not None and hold is not None:
                unknown = isinstance(error, OutcomeUnknown | AdapterFault)
                self._worker.cancel_reservation(hold, asked, unknown=unknown)
            raise
        in_doubt = tries > 1
        busy = self._hand_over(added, hold, asked, in_doubt=in_doubt)
        return _without_busy(placements, added, in_doubt=in_doubt) if busy else added

    def _hand_over(self, added: Sequence[Added], hold: ClaimTerms | None, asked: float, *, in_doubt: bool) -> bool:
        """Start what was born claimed, and ring for the rest of what is new; return whether something was busy.

        Where an earlier try of the same call is `in_doubt`, it may be what keeps an order locked, and may still place
        it under the claim: then the claim is asked for what it holds.
        """
        held: list[Order] = []
        waiting: list[str] = []
        busy = False
        for item in added:
            order = item.order
            if order is None:
                busy = busy or item.outcome is AddOutcome.BUSY
                continue
            if hold is not None and order.claim_id == hold.claim_id and order.leased:
                held.append(order)
            elif item.outcome is AddOutcome.ADDED:
                waiting.append(order.order_id)
        if self._worker is not None and hold is not None:
            if busy and in_doubt:
                self._worker.cancel_reservation(hold, asked, unknown=True)
            else:
                self._worker.start_reserved(hold, held, asked)
        if waiting:
            self._doorbell.ring(waiting)
            if self._worker is not None:
                self._worker.note_backlog()
        return busy


def _without_busy(
    placements: Sequence[Placement], added: Sequence[Added], *, in_doubt: bool
) -> Sequence[Added | OrderEngineError]:
    """Return an error for each order that was busy: what happened to it is unknown where an earlier try is in doubt."""
    return [
        item if item.outcome is not AddOutcome.BUSY else _busy(placement.order_id, in_doubt=in_doubt)
        for placement, item in zip(placements, added, strict=True)
    ]


def _busy(order_id: str, *, in_doubt: bool) -> OrderEngineError:
    busy = OrderBusy(order_id)
    return OutcomeUnknown(f"A previous try may have taken effect. {busy}") if in_doubt else busy


def _cancel_pending(pending: Iterable[_Pending]) -> None:
    """Leave out what has not begun: the caller was cancelled and waits for no more outcomes."""
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
    """Return what the client is told, or raise it."""
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
