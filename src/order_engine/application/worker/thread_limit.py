"""How many threads may work at once beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from order_engine.application.worker.attempts import Attempts, Bound
from order_engine.ports.clock import Clock

INITIAL_LIMIT: Final = 32
"""Threads that may work whatever they do. Beside so many that compute, the event loop waits for about 15 ms for a turn
as a rule and for 0.3 s at most; beside 128, for 0.3 s as a rule."""
SAMPLE_SECONDS: Final = 0.05
SAMPLES: Final = 10
"""How often it is looked how late the event loop is, before that is judged by the median: one delay may be chance."""
LATE_SECONDS: Final = 0.03
"""An event loop that is later than this has too many threads beside it."""
ON_TIME_SECONDS: Final = 0.015
"""One that is no later than this can have more."""
GROWTH: Final = 1.5
SHRINKAGE: Final = 2
LONGEST_WAIT: Final = 128
"""Judgements, about a minute, for which there are no more threads after there were too many again and again."""


class ThreadLimit:
    """Bounds the threads at work by how soon the event loop has its turn.

    Threads that compute take turns with it, which renews leases and answers requests: beside 1,000 of them it stood
    still for 17 s. Threads that wait for other systems cost it nothing. So more than a few are started only as long as
    the event loop is on time. A thread that works already cannot be stopped.
    """

    def __init__(self, attempts: Attempts, clock: Clock, on_growth: Callable[[], None]) -> None:
        """Bound `attempts`, each of which takes a thread; `on_growth` hears that more may be there."""
        self._attempts = attempts
        self._clock = clock
        self._on_growth = on_growth
        self._wait = 0
        self._next_wait = 1
        self._was_reached = False
        attempts.set_bound(Bound.LOOP, INITIAL_LIMIT)

    async def run(self) -> NoReturn:
        """Follow the event loop for as long as the engine runs."""
        while True:
            self._judge(await self._lateness())

    async def _lateness(self) -> float:
        """Return by how many seconds the event loop is late as a rule; after one long delay, at once."""
        delays: list[float] = []
        self._was_reached = False
        while len(delays) < SAMPLES and sum(delays) < SAMPLES * SAMPLE_SECONDS:
            due = self._clock.monotonic() + SAMPLE_SECONDS
            await self._clock.sleep(SAMPLE_SECONDS)
            delays.append(self._clock.monotonic() - due)
            self._was_reached = self._was_reached or self._attempts.is_limited_by(Bound.LOOP)
        return sorted(delays)[len(delays) // 2]

    def _judge(self, lateness: float) -> None:
        if lateness > LATE_SECONDS:
            self._shrink()
        elif self._wait:
            self._wait -= 1
        elif lateness <= ON_TIME_SECONDS and self._was_reached:
            self._grow()

    def _shrink(self) -> None:
        limit = self._attempts.bound(Bound.LOOP)
        if limit > INITIAL_LIMIT:
            self._next_wait = min(2 * self._next_wait, LONGEST_WAIT)
        self._wait = self._next_wait
        self._attempts.set_bound(Bound.LOOP, max(INITIAL_LIMIT, limit // SHRINKAGE))

    def _grow(self) -> None:
        self._attempts.set_bound(Bound.LOOP, int(self._attempts.bound(Bound.LOOP) * GROWTH))
        self._on_growth()
