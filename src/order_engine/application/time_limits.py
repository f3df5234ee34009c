"""Time limits cheap enough for every call and request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from types import TracebackType
from typing import NoReturn

from order_engine.ports.clock import Clock

STEPS = 10
"""Limits are checked at most ten times per shortest limit."""


async def ended_within(clock: Clock, seconds: float, awaitable: Awaitable[None]) -> bool:
    """Wait for `awaitable`, at most `seconds`; return whether it ended."""
    waiting = asyncio.ensure_future(awaitable)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        done, _ = await asyncio.wait([waiting, timer], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        timer.cancel()
    return waiting in done


class TimeLimits:
    """Time limits watched by a single task, so that each costs only two dictionary operations.

    `asyncio.timeout` creates a timer each time, which for the body and the processing of a request together took 15 %
    of the time to place an order (CPython 3.11, uvloop).
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        shortest_seconds: float,
        error: Callable[[], Exception] = TimeoutError,
    ) -> None:
        """Watch limits of at least `shortest_seconds`, using a clock's functions; `error` creates the error to raise.

        A shorter limit may be late by as much.
        """
        self._monotonic = monotonic
        self._sleep = sleep
        self._shortest = shortest_seconds
        self.error = error
        self._open: dict[TimeLimit, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_watched = False
        self._wanted = asyncio.Event()
        self.has_ended: bool = False
        """Whether `watch` has ended, so that every limit expires immediately."""

    def within(self, seconds: float) -> TimeLimit:
        """Return a context manager that cancels its body after `seconds` and raises the error."""
        return TimeLimit(self, self._monotonic() + seconds)

    def opened(self, limit: TimeLimit) -> asyncio.Task[object] | None:
        """Watch `limit` and return its task.

        The event loop is cached: before Python 3.12, get_running_loop makes a system call, and five of them per request
        took a fifth of the event loop's time.
        """
        if self._loop is None or not self._loop.is_running():
            self._loop = asyncio.get_running_loop()
        self._open[limit] = None
        if not self._is_watched:
            self.begin(self._loop)
        return asyncio.current_task(self._loop)

    def closed(self, limit: TimeLimit) -> None:
        """Stop watching `limit`."""
        del self._open[limit]

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start checking limits, after the first one was opened."""
        if self.has_ended:
            loop.call_soon(self._expire, inf)
        else:
            self._is_watched = True
            self._wanted.set()

    async def watch(self) -> NoReturn:
        """Cancel overdue bodies while the engine runs, and all bodies when it stops."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self.look()
        except asyncio.CancelledError:
            self.has_ended = True
            self._expire(inf)
            raise

    async def look(self) -> None:
        """Cancel overdue bodies until no limit is open."""
        try:
            while self._open:
                await self._sleep(self._until_next_look())
                self._expire(self._monotonic())
        finally:
            self._is_watched = False

    def _until_next_look(self) -> float:
        """Return the seconds until the next check.

        Limits opened in the meantime expire no earlier than the shortest limit.
        """
        first = min((limit.deadline for limit in self._open), default=inf)
        return max(min(first - self._monotonic(), self._shortest), self._shortest / STEPS)

    def _expire(self, now: float) -> None:
        for limit in list(self._open):
            limit.expire_after(now)


class TimeLimit:
    """Time limit of one body, in the task that entered it."""

    __slots__ = ("_cancelling", "_expired", "_limits", "_task", "deadline")

    def __init__(self, limits: TimeLimits, deadline: float) -> None:
        """Expire at `deadline` in the clock's monotonic time."""
        self._limits = limits
        self.deadline: float = deadline
        self._task: asyncio.Task[object] | None = None
        self._expired = False
        self._cancelling = 0

    def __enter__(self) -> None:
        """Start the limit."""
        self._task = self._limits.opened(self)
        self._cancelling = self._task.cancelling() if self._task is not None else 0

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Convert only the cancellation by this limit into the error, as `asyncio.timeout` does."""
        self._limits.closed(self)
        if not self._expired or self._task is None:
            return
        others_cancel_too = self._task.uncancel() > self._cancelling
        if error_type is asyncio.CancelledError and not others_cancel_too:
            raise self._limits.error() from error

    def expire_after(self, now: float) -> None:
        """Cancel the body if its deadline has passed."""
        if self.deadline <= now and not self._expired and self._task is not None:
            self._expired = True
            self._task.cancel()
