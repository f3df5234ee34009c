"""Time limits that are cheap enough for every call and every request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from types import TracebackType
from typing import NoReturn

from order_engine.ports.clock import Clock

STEPS = 10
"""Overdue limits are looked at every tenth of the shortest limit at most."""


async def ended_within(clock: Clock, seconds: float, awaitable: Awaitable[None]) -> bool:
    """Wait for `awaitable`, but not longer than `seconds`; return whether it came to its end."""
    waiting = asyncio.ensure_future(awaitable)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        done, _ = await asyncio.wait([waiting, timer], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        timer.cancel()
    return waiting in done


class TimeLimits:
    """Cancels what takes too long. One task watches all limits, so that a limit costs two dictionary operations.

    `asyncio.timeout` sets a timer of its own each time, which for the body and the work of a request together took
    15 % of the time of a placing (CPython 3.11, uvloop).
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        shortest_seconds: float,
        error: Callable[[], Exception] = TimeoutError,
    ) -> None:
        """Watch limits of `shortest_seconds` and more, by a clock's two functions; `error` makes what is raised.

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
        self.has_ended = False
        """Whether `watch` has ended: every limit is over at once."""

    def within(self, seconds: float) -> TimeLimit:
        """Return a context that ends its body, and raises the error, when it takes longer than `seconds`."""
        return TimeLimit(self, self._monotonic() + seconds)

    def opened(self, limit: TimeLimit) -> asyncio.Task[object] | None:
        """Watch `limit`, and return the task that it belongs to.

        The event loop is asked for once. Before Python 3.12 each question for it asks the system for the process's id,
        which five times a request took a fifth of the event loop's time.
        """
        if self._loop is None or not self._loop.is_running():
            self._loop = asyncio.get_running_loop()
        self._open[limit] = None
        if not self._is_watched:
            self.begin(self._loop)
        return asyncio.current_task(self._loop)

    def closed(self, limit: TimeLimit) -> None:
        """Watch it no longer."""
        del self._open[limit]

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look at the limits, of which the first was opened just now."""
        if self.has_ended:
            loop.call_soon(self._expire, inf)
        else:
            self._is_watched = True
            self._wanted.set()

    async def watch(self) -> NoReturn:
        """Cancel overdue limits, for as long as the engine runs; then all of them, since nobody watches any more."""
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
        """Cancel overdue limits until none is open."""
        try:
            while self._open:
                await self._sleep(self._until_next_look())
                self._expire(self._monotonic())
        finally:
            self._is_watched = False

    def _until_next_look(self) -> float:
        """Return the seconds until the first open limit is over.

        Limits that are opened meanwhile are over no earlier than the shortest one would be.
        """
        first = min((limit.deadline for limit in self._open), default=inf)
        return max(min(first - self._monotonic(), self._shortest), self._shortest / STEPS)

    def _expire(self, now: float) -> None:
        for limit in list(self._open):
            limit.expire_after(now)


class TimeLimit:
    """One limit around one body, in the task that entered it."""

    __slots__ = ("_cancelling", "_expired", "_limits", "_task", "deadline")

    def __init__(self, limits: TimeLimits, deadline: float) -> None:
        """End at `deadline` of the clock's monotonic time."""
        self._limits = limits
        self.deadline = deadline
        self._task: asyncio.Task[object] | None = None
        self._expired = False
        self._cancelling = 0

    def __enter__(self) -> None:
        """Start being watched."""
        self._task = self._limits.opened(self)
        self._cancelling = self._task.cancelling() if self._task is not None else 0

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Turn our own cancellation, and only that, into the error (as `asyncio.timeout` does)."""
        self._limits.closed(self)
        if not self._expired or self._task is None:
            return
        others_cancel_too = self._task.uncancel() > self._cancelling
        if error_type is asyncio.CancelledError and not others_cancel_too:
            raise self._limits.error() from error

    def expire_after(self, now: float) -> None:
        """Cancel the body if its time is over."""
        if self.deadline <= now and not self._expired and self._task is not None:
            self._expired = True
            self._task.cancel()
