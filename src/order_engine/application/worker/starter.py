"""Start of attempts, without blocking the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import TypeAlias

from order_engine.application.worker.attempts import Attempt
from order_engine.ports.clock import Clock

LONGEST_TURN_SECONDS = 0.05
"""Maximum time for starting attempts in one iteration of the event loop; `/livez` is delayed by as much."""

CreateTask: TypeAlias = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class Starter:
    """Starts attempts, as many per iteration of the event loop as its time limit allows.

    The first step of a processor may compute, and a plain function may have to wait for its thread: 500 of them in one
    iteration would delay renewals and requests. Each attempt checks the time before it begins. A fixed number per
    iteration caused a backlog at 1,000 connections, where each iteration has much other work.
    """

    def __init__(
        self,
        clock: Clock,
        begin: Callable[[Attempt], Coroutine[object, object, None]],
        failed: Callable[[Attempt, Exception], None],
    ) -> None:
        """Run the coroutine of `begin` in a task for each attempt; call `failed` if no task can be created."""
        self._clock = clock
        self._begin = begin
        self._failed = failed
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False
        self._turn_ends = inf
        self._more_came = False
        self._begun = 0

    def start(self, attempts: Sequence[Attempt]) -> None:
        """Start attempts, in this iteration or in later ones."""
        if len(attempts) > 1:
            self._more_came = self._is_turning
            self._take_turn()
        # Fetch the loop only once: before Python 3.12, get_running_loop makes a system call.
        create_task = asyncio.get_running_loop().create_task
        for attempt in attempts:
            self._create_task(attempt, create_task)

    def may_begin(self) -> bool:
        """Return whether one more attempt may begin in this iteration; if not, it waits for its turn."""
        if self._turn_ends < inf and self._clock.monotonic() >= self._turn_ends:
            return False
        self._begun += 1
        return True

    async def turn(self) -> float:
        """Wait for an iteration with time left, and return its time: waiting does not count as the attempt's time."""
        while not self.may_begin():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        return self._clock.monotonic()

    def _take_turn(self) -> None:
        """Measure the time from the first step of the attempts started after this call."""
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
            # These attempts take their first step right after this call.
            self._more_came = False
            self._turn_ends = self._clock.monotonic() + LONGEST_TURN_SECONDS
            self._take_turn()
        if self._waiting:
            self._take_turn()
            # Waking more would only make them wait again.
            for _ in range(min(len(self._waiting), 2 * self._begun + 1)):
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_result(None)

    def _create_task(self, attempt: Attempt, create_task: CreateTask) -> None:
        beginning = self._begin(attempt)
        try:
            attempt.task = create_task(beginning)
        except Exception as error:  # noqa: BLE001 - lack of memory, or any error of the host's task factory
            beginning.close()
            self._failed(attempt, error)
