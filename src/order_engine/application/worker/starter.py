"""Starting attempts, as fast as the event loop keeps up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import TypeAlias

from order_engine.application.worker.attempts import Attempt
from order_engine.ports.clock import Clock

LONGEST_TURN_SECONDS = 0.05
"""So long attempts may begin in one turn of the event loop: whoever asks for `/livez` waits as long."""

CreateTask: TypeAlias = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


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
        self._more_came = False
        self._begun = 0

    def start(self, attempts: Sequence[Attempt]) -> None:
        """Begin these, in this turn or in later ones."""
        if len(attempts) > 1:
            self._more_came = self._is_turning
            self._take_turn()
        # Asked for once: before Python 3.12 each question is one to the system as well.
        create_task = asyncio.get_running_loop().create_task
        for attempt in attempts:
            self._create_task(attempt, create_task)

    def may_begin(self) -> bool:
        """Whether this turn has time left for one more attempt, which begins then. Otherwise it waits for its turn."""
        if self._turn_ends < inf and self._clock.monotonic() >= self._turn_ends:
            return False
        self._begun += 1
        return True

    async def turn(self) -> float:
        """Wait for a turn that has time left, and return when it came: the wait is not the attempt's time."""
        while not self.may_begin():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        return self._clock.monotonic()

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
        if self._more_came:
            # Those take their first step right after this call.
            self._more_came = False
            self._turn_ends = self._clock.monotonic() + LONGEST_TURN_SECONDS
            self._take_turn()
        if self._waiting:
            self._take_turn()
            # Those beyond would but wait again.
            for _ in range(min(len(self._waiting), 2 * self._begun + 1)):
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(None)

    def _create_task(self, attempt: Attempt, create_task: CreateTask) -> None:
        beginning = self._begin(attempt)
        try:
            attempt.task = create_task(beginning)
        except Exception as error:  # noqa: BLE001 - a lack of memory, or whatever a task factory of the host's raises
            beginning.close()
            self._failed(attempt, error)
