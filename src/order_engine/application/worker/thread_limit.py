"""Limit of threads that run in parallel with the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from order_engine.application.worker.attempts import Attempts, Bound
from order_engine.ports.clock import Clock

INITIAL_LIMIT: Final = 32
"""Threads allowed regardless of their load. With this many computing threads, the event loop is typically delayed by
15 ms, and by 0.3 s at most; with 128, typically by 0.3 s."""
SAMPLE_SECONDS: Final = 0.05
SAMPLES: Final = 10
"""Samples of the event loop's delay per decision, which uses their median, since a single delay may be random."""
LATE_SECONDS: Final = 0.03
"""Delay above which there are too many threads."""
ON_TIME_SECONDS: Final = 0.015
"""Delay up to which there may be more threads."""
GROWTH: Final = 1.5
SHRINKAGE: Final = 2
LONGEST_WAIT: Final = 128
"""Maximum number of decisions (about a minute) without growth, after repeatedly too many threads."""


class ThreadLimit:
    """Limits running threads by the delay of the event loop.

    Computing threads compete with the event loop, which renews leases and answers requests: 1,000 of them blocked it
    for 17 s. Threads that wait for other systems do not delay it. Therefore the limit grows only while the event loop
    is on time. A running thread cannot be stopped.
    """

    def __init__(self, attempts: Attempts, clock: Clock, on_growth: Callable[[], None]) -> None:
        """Limit `attempts`, each of which occupies a thread. `on_growth` is called when the limit grows."""
        self._attempts = attempts
        self._clock = clock
        self._on_growth = on_growth
        self._wait = 0
        self._next_wait = 1
        self._was_reached = False
        attempts.set_bound(Bound.LOOP, INITIAL_LIMIT)

    async def run(self) -> NoReturn:
        """Adapt the limit while the engine runs."""
        while True:
            self._judge(await self._lateness())

    async def _lateness(self) -> float:
        """Return the median delay of the event loop in seconds; after a long delay, immediately."""
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
