"""Leases and time limits of attempts: renewal, and stopping of attempts that may no longer run."""

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
"""Part of a lease before its end in which a processor must stop, since stopping and watching take time."""
SOON = 4
"""After a failure or a locked order, renewals are retried after a quarter of the usual interval."""
WATCHES = 12
"""Limits are checked twelve times per shortest limit, so that the delay is at most half the margin."""


class Leases:
    """Renews the leases of attempts, and stops attempts by the worker's monotonic clock."""

    def __init__(
        self, context: EngineContext, attempts: Attempts, capacity: RenewalCapacity, give_up: Callable[[Attempt], None]
    ) -> None:
        """Watch `attempts`. `give_up` reports an attempt whose processor does not stop.

        `capacity` receives the speed of renewals.
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
        """Time of the last check; infinite before the first one."""

    async def renew(self) -> NoReturn:
        """Renew all leases every third of a lease."""
        # Retry soon after a failure: every try counts before the margin is reached.
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
        """Renew all leases once. After a failure, continue with those not renewed yet, earliest end first."""
        context = self._context
        renewed_until = context.clock.monotonic() + context.options.lease_seconds
        wanted = list(self._attempts)
        self._capacity.begin_round()
        while not await self._renew_all(wanted):
            await context.clock.sleep(soon)
            wanted = sorted((each for each in self._attempts if each.lease_until < renewed_until), key=_end)
        self._capacity.end_round()

    async def watch(self) -> NoReturn:
        """Stop attempts that exceed a time limit or whose lease is about to expire; give up those that do not stop."""
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
        """Renew all leases after the event loop was blocked, before stopping any attempt.

        The time limit of attempts excludes the blocked time, in which no processor could run.
        """
        self._context.observer.observe(LoopBlocked(seconds))
        for attempt in self._attempts:
            attempt.started += seconds
        await self._renew_all(self._attempts)

    def ends_soon(self, lease_until: float, now: float) -> bool:
        """Return whether a lease is so close to its end that no processor may run under it."""
        return now >= lease_until - self._context.options.lease_seconds * MARGIN

    def _still_busy(self) -> Sequence[Attempt]:
        """Return the remaining attempts whose orders were locked by another transaction."""
        return [each for each in self._busy if self._attempts.find(each.order.order_id, each.order.token) is each]

    async def _renew_all(self, wanted: Iterable[Attempt]) -> bool:
        """Renew leases in batches; return whether the repository answered all of them."""
        attempts = [attempt for attempt in wanted if not attempt.given_up]
        self._busy = []
        start, before = 0, self._context.clock.monotonic()
        while start < len(attempts):
            size = self._batch.value
            began = self._context.clock.monotonic()
            try:
                await self._renew(attempts[start : start + size])
            except OrderEngineError:
                # The observer was notified by the call.
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
            # Let other tasks run between batches.
            await self._context.clock.sleep(0)
        return True

    @property
    def _was_blocked(self) -> bool:
        """Whether the event loop was blocked until just now, so that measured times say nothing about the repository.

        Answers are processed before the watch runs again.
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
                # With a newer token, this process has claimed the order again.
                if attempt.order.token == lease.token:
                    self._superseded(attempt, now)
                continue
            if answer is Renewed.BUSY:
                # The lock keeps other workers out, too, but its duration is unknown.
                self._note_busy(attempt)
                continue
            attempt.lease_until = asked + lease_seconds
            if answer is Renewed.CANCEL_REQUESTED:
                attempt.stop(StopReason.CANCEL_REQUESTED, now)

    def _note_busy(self, attempt: Attempt) -> None:
        """Retry soon. The lease is not extended: the processor is stopped in time if renewal does not succeed."""
        self._busy.append(attempt)
        if attempt.note_busy():
            self._context.observer.observe(OrderLocked(attempt.order.order_id, Action.RENEW))

    def _superseded(self, attempt: Attempt, now: float) -> None:
        """Stop an attempt whose order was claimed again. An attempt that has reported in the meantime is left alone."""
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
