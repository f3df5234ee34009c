"""Claims: fill free slots with orders announced by the queue or found by polling."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from order_engine.application.calls.adaptive_limit import AdaptiveLimit
from order_engine.application.calls.bounded_reads import SLOW_PART
from order_engine.application.calls.calls import is_cancelled
from order_engine.application.context import EngineContext
from order_engine.application.retry_policy import Backoff
from order_engine.application.worker.attempts import Attempts
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.errors import AdapterFault, OrderEngineError
from order_engine.ports.observer import QueueUnavailable
from order_engine.ports.repository import Claimed

CLAIM_ID_BITS = 96
EARLIEST_POLL = 0.5
"""Polls occur after half to one poll interval, so that processes started together do not poll together."""


class Claimer:
    """Decides when to claim which orders, and passes claimed orders to `start`."""

    def __init__(self, context: EngineContext, attempts: Attempts, start: Callable[[Claimed, float], None]) -> None:
        """Fill the free slots of `attempts`; `start` receives claimed orders and the time of the claim."""
        self._context = context
        self._attempts = attempts
        self._start = start
        self._hints: deque[str] = deque()
        self._hints_taken = asyncio.Event()
        self._unanswered: deque[ClaimSlots] = deque()
        options = context.options
        slow_seconds = options.request_seconds * SLOW_PART
        self._most_orders = AdaptiveLimit(options.batch_orders, slow_seconds)
        self._most_bytes = AdaptiveLimit(options.batch_bytes, slow_seconds)
        self._poll_is_due = True
        self._orders_wait = False
        self._noted = 0
        self._wake = asyncio.Event()
        self._wake.set()
        self._listener: asyncio.Task[object] | None = None
        self.stopped: bool = False

    @property
    def backlog(self) -> bool:
        """Whether older orders are known to wait in the repository."""
        return self._orders_wait or bool(self._hints)

    def note_backlog(self) -> None:
        """Record that orders wait in the repository, to be claimed when slots become free."""
        self._orders_wait = True
        self._noted += 1
        self._wake.set()

    def slot_freed(self) -> None:
        """Claim again if orders are waiting."""
        if self._has_reason:
            self._wake.set()

    def stop(self) -> None:
        """Stop claiming and stop reading the queue. Unanswered claims are still resolved."""
        self.stopped = True
        if self._listener is not None:
            self._listener.cancel()

    def terms(self, limit: int) -> ClaimTerms:
        """Return the terms of a new claim for at most `limit` orders."""
        context = self._context
        return ClaimTerms(
            claim_id=f"{context.random.getrandbits(CLAIM_ID_BITS):024x}",
            limit=limit,
            lease_seconds=context.options.lease_seconds,
            max_deliveries=context.options.max_deliveries,
            suspects=self._attempts.suspect_room,
            take_ended_leases=context.availability.may_take_ended_leases,
            max_bytes=self._most_bytes.value,
            running=self._attempts.own_leases,
        )

    def reserve(self, terms: ClaimTerms) -> ClaimSlots:
        """Return a context that reserves slots for a claim with these terms, and repeats it if it is not answered."""
        asked = self._context.clock.monotonic()
        return ClaimSlots(self._attempts, terms, asked, self._repeat, self.slot_freed)

    def _repeat(self, unanswered: ClaimSlots) -> None:
        """Repeat this claim when the repository is available again, and release its slots then."""
        self._unanswered.append(unanswered)
        self._wake.set()

    async def run(self) -> NoReturn:
        """Claim orders while the engine runs."""
        backoff = self._context.backoff()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unanswered or (self._has_reason and self._attempts.free > 0 and not self.stopped):
                try:
                    await self._claim_once()
                except OrderEngineError:
                    # The observer was notified by the call.
                    self._poll_is_due = True
                    await self._context.clock.sleep(backoff.pause())
                else:
                    backoff.reset()
            if self._poll_is_due and self._attempts.free <= 0:
                # Prevent orders that are born claimed from taking all slots before this poll.
                self._orders_wait = True

    async def poll(self) -> NoReturn:
        """Trigger a claim of all due orders once per poll interval."""
        while True:
            self._poll_is_due = True
            self._wake.set()
            interval = self._context.options.poll_seconds * self._context.random.uniform(EARLIEST_POLL, 1)
            await self._context.clock.sleep(interval)

    async def listen(self) -> NoReturn:
        """Read hints from the queue while there are free slots, at most one per slot, until `stop`."""
        self._listener = asyncio.current_task()
        backoff = Backoff(self._context.random)
        while True:
            await self._attempts.free_slot()
            try:
                order_ids = await self._context.queue.get(self._batch())
            except (Exception, asyncio.CancelledError) as error:
                # A queue may fail in any way: the poll finds the orders.
                if is_cancelled(error):
                    raise
                self._context.observer.observe(QueueUnavailable(error))
                await self._context.clock.sleep(backoff.pause())
                continue
            backoff.reset()
            if self._orders_wait:
                # All due orders, including these, are being claimed already.
                continue
            self._hints.extend(order_ids)
            self._wake.set()
            while self._hints:
                # Clear on each iteration: otherwise the loop would spin after a claim that takes only some hints.
                self._hints_taken.clear()
                await self._hints_taken.wait()

    @property
    def _has_reason(self) -> bool:
        return self._poll_is_due or self.backlog

    def _batch(self) -> int:
        return max(1, min(self._attempts.free, self._most_orders.value))

    async def _claim_once(self) -> None:
        """Make one claim: resolve an unanswered one first, then claim due orders, then orders named by the queue."""
        if self._unanswered:
            await self._ask_again(self._unanswered[0])
            return
        terms = self.terms(self._batch())
        if self._poll_is_due or self._orders_wait:
            self._poll_is_due = False
            noted = self._noted
            claimed = await self._claim(terms)
            if claimed.more or len(claimed.orders) + len(claimed.ended) >= terms.limit:
                self._orders_wait = True
            elif self._noted == noted:
                # Only now, and only without further backlog: until then, newer orders must not overtake.
                self._orders_wait = False
        else:
            order_ids = [self._hints.popleft() for _ in range(min(terms.limit, len(self._hints)))]
            self._hints_taken.set()
            claimed = await self._claim(replace(terms, order_ids=order_ids))
            if claimed.more:
                self.note_backlog()

    async def _ask_again(self, unanswered: ClaimSlots) -> None:
        """Fetch the orders of an unanswered claim, even if their lease has expired, as after an outage.

        The answer excludes orders that other workers have claimed in the meantime. The others are released, so that an
        outage does not count as a vanished attempt. Give up if the adapter breaks its contract until the lease ends.
        """
        terms, asked = unanswered.terms, unanswered.asked
        context = self._context
        again = replace(terms, limit=0, order_ids=(), max_bytes=self._most_bytes.value, after=unanswered.after)
        try:
            claimed = await self._adapting(again, terms.limit, context.lease_call_seconds)
        except AdapterFault:
            if context.clock.monotonic() < asked + terms.lease_seconds:
                raise
        else:
            self._start(claimed, asked)
            if claimed.more:
                unanswered.after = max(order.order_id for order in claimed.orders)
                return
        self._unanswered.popleft()
        unanswered.release()

    async def _claim(self, terms: ClaimTerms) -> Claimed:
        with self.reserve(terms) as slots:
            claimed = await self._adapting(terms, terms.limit)
            slots.release()
            self._start(claimed, slots.asked)
        return claimed

    async def _adapting(self, terms: ClaimTerms, orders: int, seconds: float | None = None) -> Claimed:
        """Make a claim, and adapt the size of the next one to its speed, so that no claim exceeds its time limit."""
        context = self._context
        began = context.clock.monotonic()
        limits = (self._most_orders, self._most_bytes)
        try:
            claimed = await context.calls.once("claim", orders, context.repository.claim(terms), seconds)
        except OrderEngineError:
            for limit in limits:
                limit.failed(context.clock.monotonic() - began)
            raise
        for limit in limits:
            limit.answered(context.clock.monotonic() - began)
        return claimed
