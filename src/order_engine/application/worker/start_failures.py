"""Handling of attempts that cannot start, for lack of threads or memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from order_engine.application.context import EngineContext
from order_engine.application.retry_policy import Backoff
from order_engine.application.worker.attempts import Attempts, Bound
from order_engine.ports.observer import AttemptsNotStarted, AttemptStartsRecovered

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0
TRIAL_SECONDS = 1.0
"""Time without failures after which more attempts are tried."""

Reserve: TypeAlias = Callable[[int], int]
"""Reserves the resources for a number of further attempts; returns for how many this was possible."""


class StartFailures:
    """Limits attempts to the number that can start, and checks regularly whether more can.

    The check uses no orders if possible, since a failed start adds a claim and a release to the order's history.
    """

    def __init__(
        self, context: EngineContext, attempts: Attempts, reserve: Reserve | None, resume: Callable[[], None]
    ) -> None:
        """Limit `attempts` by the result of `reserve`; without it, by trial with orders. `resume` claims again."""
        self._context = context
        self._attempts = attempts
        self._reserve = reserve
        self._resume = resume
        self._failed = asyncio.Event()
        self._reported: int | None = None
        self._recovery_is_reported = False
        self.exhausted: bool = False
        """Whether no attempt at all can start, as far as is known."""

    def note(self, error: BaseException) -> None:
        """Record a failed start: limit attempts to those running now until more can start."""
        limit = min(self._attempts.bound(Bound.STARTS), self._running)
        self._attempts.set_bound(Bound.STARTS, limit)
        self.exhausted = limit == 0
        self._failed.set()
        if self._reported is None or 2 * limit < self._reported:
            self._reported = limit
            self._context.observer.observe(AttemptsNotStarted(error, limit))

    async def run(self) -> NoReturn:
        """Check after each failure whether more attempts can start, while the engine runs."""
        backoff = Backoff(self._context.random, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        while True:
            await self._failed.wait()
            self._failed.clear()
            await self._context.clock.sleep(backoff.pause())
            if not self._failed.is_set() and await self._has_recovered():
                backoff.reset()

    async def _has_recovered(self) -> bool:
        """Allow one more attempt, then two more, then four; return False as soon as one cannot start."""
        more = 1
        while (limit := self._attempts.bound(Bound.STARTS)) < self._attempts.slots:
            self._grow(min(limit + more, self._attempts.slots))
            await self._context.clock.sleep(TRIAL_SECONDS)
            if self._failed.is_set():
                return False
            self._note_some()
            more *= 2
        if not self._recovery_is_reported:
            self._context.observer.observe(AttemptStartsRecovered())
        self._reported, self._recovery_is_reported = None, False
        return True

    def _grow(self, wanted: int) -> None:
        """Allow `wanted` attempts, or as many as can start."""
        limit = wanted
        if self._reserve is not None:
            running = self._running
            limit = running + self._reserve(wanted - running)
        self._attempts.set_bound(Bound.STARTS, limit)
        if limit < wanted:
            self._failed.set()
        if limit == 0:
            self.exhausted = True
        elif self._reserve is not None:
            self._note_some()
        self._resume()

    def _note_some(self) -> None:
        """Record that some attempts can start, as many as the limit allows."""
        if self.exhausted:
            self.exhausted = False
            self._reported = self._attempts.bound(Bound.STARTS)
            self._recovery_is_reported = True
            self._context.observer.observe(AttemptStartsRecovered())

    @property
    def _running(self) -> int:
        """Number of attempts that have started and are running."""
        return sum(each.begun and each.processing for each in self._attempts)
