"""What is done where attempts cannot be started, for a lack of threads or memory."""

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
"""So long a number of attempts has to have run without trouble before more are tried."""

Reserve: TypeAlias = Callable[[int], int]
"""Gets what so many more attempts need, and keeps it for them; returns for how many that was possible."""


class StartFailures:
    """Settles at as many attempts as can be started, and finds out now and then whether there can be more.

    Whether there can is tried without orders: an attempt that cannot be started is a claim and a release in the
    history of its order.
    """

    def __init__(
        self, context: EngineContext, attempts: Attempts, reserve: Reserve | None, resume: Callable[[], None]
    ) -> None:
        """Bound `attempts` by what `reserve` gets; without it, orders show what can start. `resume` claims again."""
        self._context = context
        self._attempts = attempts
        self._reserve = reserve
        self._resume = resume
        self._failed = asyncio.Event()
        self._reported: int | None = None
        self._recovery_is_reported = False
        self.exhausted = False
        """Whether not a single attempt can be started, as far as is known."""

    def note(self, error: BaseException) -> None:
        """Note that an attempt could not be started: no more than run now are, until it is known that more can be."""
        limit = min(self._attempts.bound(Bound.STARTS), self._running)
        self._attempts.set_bound(Bound.STARTS, limit)
        self.exhausted = limit == 0
        self._failed.set()
        if self._reported is None or 2 * limit < self._reported:
            self._reported = limit
            self._context.observer.observe(AttemptsNotStarted(error, limit))

    async def run(self) -> NoReturn:
        """Try to start more after each failure, for as long as the engine runs."""
        backoff = Backoff(self._context.random, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        while True:
            await self._failed.wait()
            self._failed.clear()
            await self._context.clock.sleep(backoff.pause())
            if not self._failed.is_set() and await self._has_recovered():
                backoff.reset()

    async def _has_recovered(self) -> bool:
        """Let one attempt more run, then two more, then four; return False as soon as one cannot be started."""
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
        """Let so many attempts run, or as many as can be started."""
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
        """Note that some attempts can be started, as many as the bound says."""
        if self.exhausted:
            self.exhausted = False
            self._reported = self._attempts.bound(Bound.STARTS)
            self._recovery_is_reported = True
            self._context.observer.observe(AttemptStartsRecovered())

    @property
    def _running(self) -> int:
        """How many attempts have what others lack."""
        return sum(each.begun and each.processing for each in self._attempts)
