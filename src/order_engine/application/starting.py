"""Starting attempts: as fast as the event loop keeps up, and less where none can be started."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import NoReturn

from order_engine.application.attempts import Attempt, Attempts
from order_engine.application.policies import Backoff
from order_engine.application.surroundings import Surroundings
from order_engine.ports.clock import Clock
from order_engine.ports.observer import AttemptsNotStarted, AttemptsStartAgain

LONGEST_TURN_SECONDS = 0.05
"""So long attempts may begin in one turn of the event loop: whoever asks for `/livez` waits as long."""
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0
TRIAL_SECONDS = 1.0
"""So long a number of new attempts has to have begun without trouble before twice as many are tried."""


class Starter:
    """Begins attempts, as many in one turn of the event loop as its time allows.

    The first step of a processor may compute, and with a plain function it may have to wait for its thread: 500 of
    them in one turn would keep the loop from renewals and requests meanwhile. Each looks at the time before it begins;
    a fixed number a turn made a backlog at 1,000 connections, where a turn has much else to do.
    """

    def __init__(
        self,
        clock: Clock,
        begin: Callable[[Attempt], Coroutine[object, object, None]],
        failed: Callable[[Attempt, Exception], None],
    ) -> None:
        """Begin an attempt by a task of what `begin` returns; `failed` is called where there can be no task."""
        self._clock = clock
        self._begin = begin
        self._failed = failed
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False
        self._turn_ends = inf
        self._begun = 0

    def start(self, attempts: Sequence[Attempt]) -> None:
        """Begin these, in this turn or in later ones."""
        if len(attempts) > 1:
            self._take_turn()
        for attempt in attempts:
            self._create_task(attempt)

    async def turn(self) -> None:
        """Wait for a turn that has time left. To be awaited at the beginning of each attempt."""
        while self._clock.monotonic() >= self._turn_ends:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._begun += 1

    def _take_turn(self) -> None:
        """Measure the time from the first step of those that are started after this call."""
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn_began)

    def _turn_began(self) -> None:
        self._begun = 0
        self._turn_ends = self._clock.monotonic() + LONGEST_TURN_SECONDS
        asyncio.get_running_loop().call_soon(self._turn_ended)

    def _turn_ended(self) -> None:
        self._is_turning = False
        self._turn_ends = inf
        if self._waiting:
            self._take_turn()
            # Those beyond would but wait again.
            for _ in range(min(len(self._waiting), 2 * self._begun + 1)):
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(None)

    def _create_task(self, attempt: Attempt) -> None:
        beginning = self._begin(attempt)
        try:
            attempt.task = asyncio.get_running_loop().create_task(beginning)
        except Exception as error:  # noqa: BLE001 - a lack of memory, or whatever a task factory of the host's raises
            beginning.close()
            self._failed(attempt, error)


class StartTrouble:
    """What is done where attempts cannot be started: nothing is claimed for a while, and then ever more again."""

    def __init__(self, surroundings: Surroundings, attempts: Attempts, resume: Callable[[], None]) -> None:
        """Bound what `attempts` may take; `resume` claims again."""
        self._surroundings = surroundings
        self._attempts = attempts
        self._resume = resume
        self._failed = asyncio.Event()
        self.present = False
        """Whether the last attempt that was tried could not be started, as far as is known."""

    def note(self, error: BaseException) -> None:
        """Note that an attempt could not be started."""
        self._attempts.allow(0)
        self._failed.set()
        if not self.present:
            self.present = True
            self._surroundings.observer.observe(AttemptsNotStarted(error))

    async def run(self) -> NoReturn:
        """Let claims go on after each failure, for as long as the engine runs."""
        backoff = Backoff(self._surroundings.random, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        while True:
            await self._failed.wait()
            self._failed.clear()
            await self._surroundings.clock.sleep(backoff.pause())
            if not self._failed.is_set() and await self._has_recovered():
                backoff.reset()

    async def _has_recovered(self) -> bool:
        """Allow one new attempt, then two, then four; return False as soon as one cannot be started."""
        allowed = 1
        while allowed <= self._attempts.slots:
            self._allow(allowed)
            await self._surroundings.clock.sleep(TRIAL_SECONDS)
            if self._failed.is_set():
                return False
            if self.present:
                self.present = False
                self._surroundings.observer.observe(AttemptsStartAgain())
            allowed *= 2
        self._allow(None)
        return True

    def _allow(self, attempts: int | None) -> None:
        self._attempts.allow(attempts)
        self._resume()
