"""Leases and time limits of the attempts under way: renewing, and stopping what may no longer run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import NoReturn

from order_engine.application.calls.adaptive_limit import AdaptiveLimit
from order_engine.application.calls.calls import require_count
from order_engine.application.context import EngineContext
from order_engine.application.time_limits import ended_within
from order_engine.application.worker.attempts import Attempt, Attempts, StopReason
from order_engine.application.worker.renewal_capacity import RenewalCapacity
from order_engine.domain.commands import Action, Lease
from order_engine.domain.errors import OrderEngineError
from order_engine.ports.observer import AttemptSuperseded, LoopBlocked, OrderLocked
from order_engine.ports.repository import Renewed

MARGIN = 1 / 6
"""The part of a lease before its end in which a processor must stop: it and the watch need time themselves."""
SOON = 4
"""A renewal that failed, or met an order that is locked, is made again after a quarter of the usual time."""
WATCHES = 12
"""The watch looks twelve times in the shortest of its limits, so that it is late by half the margin at most."""


class Leases:
    """Keeps the attempts' leases alive, and ends attempts by the worker's own monotonic clock."""

    def __init__(
        self, context: EngineContext, attempts: Attempts, capacity: RenewalCapacity, give_up: Callable[[Attempt], None]
    ) -> None:
        """Care for `attempts`; `give_up` reports for an attempt whose processor does not stop.

        `capacity` is told how fast the renewals are.
        """
        self._context = context
        self._attempts = attempts
        self._give_up = give_up
        self._capacity = capacity
        self._batch = AdaptiveLimit(context.options.batch_orders, context.lease_call_seconds / 2)
        self._busy: list[Attempt] = []
        options = context.options
        limits = [options.lease_seconds, options.attempt_seconds]
        self._watch_seconds = min(limit for limit in limits if limit > 0) / WATCHES
        self._watched = inf
        """When the watch last looked; infinite before it first did."""

    async def renew(self) -> NoReturn:
        """Renew all leases, every third of a lease."""
        # Soon again where it failed: each try counts before the margin is reached.
        soon = self._context.renewal_seconds / SOON
        while True:
            pauses = SOON
            while self._busy and pauses:
                await self._context.clock.sleep(soon)
                pauses -= 1
                await self._renew_all(self._still_busy())
            await ended_within(self._context.clock, pauses * soon, self._capacity.early_round_due())
            await self._renew_round(soon)

    async def _renew_round(self, soon: float) -> None:
        """Renew all leases once. After a failure only those are left that had no turn, the first to end first."""
        context = self._context
        renewed_until = context.clock.monotonic() + context.options.lease_seconds
        wanted = list(self._attempts)
        self._capacity.begin_round()
        while not await self._renew_all(wanted):
            await context.clock.sleep(soon)
            wanted = sorted((each for each in self._attempts if each.lease_until < renewed_until), key=_end)
        self._capacity.end_round()

    async def watch(self) -> NoReturn:
        """Stop attempts whose time is up or whose lease is about to end; give up those that do not stop."""
        interval = self._watch_seconds
        while True:
            self._context.availability.heartbeat()
            self._watched = self._context.clock.monotonic()
            await self._context.clock.sleep(interval)
            late = self._context.clock.monotonic() - self._watched - interval
            if late > interval:
                await self._resume_after_block(late)
            for attempt in self._attempts:
                self._check(attempt, self._context.clock.monotonic())

    async def _resume_after_block(self, seconds: float) -> None:
        """Renew what could not be renewed for so long, and stop nobody before it is known whose the orders are.

        The time of the block is not the attempts': no processor could do anything.
        """
        self._context.observer.observe(LoopBlocked(seconds))
        for attempt in self._attempts:
            attempt.started += seconds
        await self._renew_all(self._attempts)

    def ends_soon(self, lease_until: float, now: float) -> bool:
        """Whether a lease is so near its end that no processor may run under it."""
        return now >= lease_until - self._context.options.lease_seconds * MARGIN

    def _still_busy(self) -> Sequence[Attempt]:
        """Return the attempts that are still here whose orders were locked by another transaction."""
        return [each for each in self._busy if self._attempts.find(each.order.order_id, each.order.token) is each]

    async def _renew_all(self, wanted: Iterable[Attempt]) -> bool:
        """Renew what is held here, in batches; return whether the repository answered all of them."""
        attempts = [attempt for attempt in wanted if not attempt.given_up]
        self._busy = []
        start, before = 0, self._context.clock.monotonic()
        while start < len(attempts):
            size = self._batch.value
            began = self._context.clock.monotonic()
            try:
                await self._renew(attempts[start : start + size])
            except OrderEngineError:
                # Told to the observer by the call.
                self._batch.failed(self._context.clock.monotonic() - began)
                return False
            now = self._context.clock.monotonic()
            if self._was_blocked:
                self._capacity.note_blocked()
            else:
                self._batch.answered(now - began)
                self._capacity.renewed(len(attempts[start : start + size]), now - before)
            before = now
            start += size
            # Many leases are many batches: let others work in between.
            await self._context.clock.sleep(0)
        return True

    @property
    def _was_blocked(self) -> bool:
        """Whether this process stood still until just now: what came meanwhile says nothing about the repository.

        What was received is seen before the watch has its turn.
        """
        return self._context.clock.monotonic() - self._watched > 2 * self._watch_seconds

    async def _renew(self, attempts: Sequence[Attempt]) -> None:
        context = self._context
        lease_seconds = context.options.lease_seconds
        leases = [Lease(attempt.order.order_id, attempt.order.token) for attempt in attempts]
        asked = context.clock.monotonic()
        call = context.repository.renew(leases, lease_seconds)
        renewing = context.calls.once("renew", len(leases), call, context.lease_call_seconds)
        answers = require_count(await renewing, len(leases))
        now = context.clock.monotonic()
        for attempt, lease, answer in zip(attempts, leases, answers, strict=True):
            if answer is Renewed.LOST:
                # Under a newer token it was handed out to this process again.
                if attempt.order.token == lease.token:
                    self._superseded(attempt, now)
                continue
            if answer is Renewed.BUSY:
                # Whoever locks the order keeps it from others too, but nobody can say for how long.
                self._note_busy(attempt)
                continue
            attempt.lease_until = asked + lease_seconds
            if answer is Renewed.CANCEL_REQUESTED:
                attempt.stop(StopReason.CANCEL_REQUESTED, now)

    def _note_busy(self, attempt: Attempt) -> None:
        """Ask again soon. The lease is as long as it was: the processor is stopped in time if it is not renewed."""
        self._busy.append(attempt)
        if attempt.note_busy():
            self._context.observer.observe(OrderLocked(attempt.order.order_id, Action.RENEW))

    def _superseded(self, attempt: Attempt, now: float) -> None:
        """Stop an attempt whose order is somebody else's. One that has reported meanwhile has its answer already."""
        if attempt.processing:
            order = attempt.order
            attempt.stop(StopReason.SUPERSEDED, now)
            self._context.observer.observe(AttemptSuperseded(order.order_id, order.token))

    def _check(self, attempt: Attempt, now: float) -> None:
        if not attempt.processing:
            return
        options = self._context.options
        if attempt.stop_reason is None:
            if self.ends_soon(attempt.lease_until, now):
                attempt.stop(StopReason.LEASE_EXPIRING, now)
            elif options.attempt_seconds and attempt.begun and now - attempt.started >= options.attempt_seconds:
                attempt.stop(StopReason.TIMED_OUT, now)
        elif not attempt.given_up and now - attempt.stopped >= options.stop_seconds:
            self._give_up(attempt)


def _end(attempt: Attempt) -> float:
    return attempt.lease_until
