"""Time limits for the engine's own waits, kept by the Clock port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from math import inf
from types import TracebackType
from typing import NoReturn

from order_engine.domain.errors import OutcomeUnknown
from order_engine.ports.clock import Clock

STEPS = 10
"""Overdue limits are looked at every tenth of the engine's shortest limit at most."""


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
    """Cancels what takes too long. One task watches all limits, so that a limit costs two dictionary operations."""

    def __init__(self, clock: Clock, shortest_seconds: float) -> None:
        """Watch limits that are `shortest_seconds` long or longer."""
        self._clock = clock
        self._shortest = shortest_seconds
        self._open: dict[TimeLimit, None] = {}
        self._any_open = asyncio.Event()
        self.has_ended = False
        """Whether the engine has stopped: nobody watches any more."""

    def within(self, seconds: float) -> TimeLimit:
        """Return a context that raises OutcomeUnknown when its body takes longer than `seconds`."""
        return TimeLimit(self, self._clock.monotonic() + seconds)

    def opened(self, limit: TimeLimit) -> None:
        """Watch `limit`."""
        self._open[limit] = None
        self._any_open.set()
        if self.has_ended:
            asyncio.get_running_loop().call_soon(self._expire_all)

    def closed(self, limit: TimeLimit) -> None:
        """Watch it no longer."""
        del self._open[limit]

    async def watch(self) -> NoReturn:
        """Cancel overdue limits, for as long as the engine runs; then all of them, since nobody watches any more."""
        try:
            while True:
                await self._any_open.wait()
                await self._clock.sleep(self._until_next_look())
                now = self._clock.monotonic()
                for limit in list(self._open):
                    limit.expire_after(now)
                if not self._open:
                    self._any_open.clear()
        except asyncio.CancelledError:
            self.has_ended = True
            self._expire_all()
            raise

    def _until_next_look(self) -> float:
        """Return the seconds until the first open limit is over.

        Limits that are opened meanwhile are over no earlier than the shortest one would be.
        """
        first = min((limit.deadline for limit in self._open), default=inf)
        return max(min(first - self._clock.monotonic(), self._shortest), self._shortest / STEPS)

    def _expire_all(self) -> None:
        for limit in list(self._open):
            limit.expire_after(inf)


class TimeLimit:
    """One limit around one body, in the task that entered it."""

    def __init__(self, limits: TimeLimits, deadline: float) -> None:
        """End at `deadline` of the clock's monotonic time."""
        self._limits = limits
        self.deadline = deadline
        self._task: asyncio.Task[object] | None = None
        self._expired = False
        self._cancelling = 0

    def __enter__(self) -> None:
        """Start being watched."""
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        self._limits.opened(self)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Turn our own cancellation, and only that, into OutcomeUnknown (as `asyncio.timeout` does)."""
        self._limits.closed(self)
        if not self._expired or self._task is None:
            return
        others_cancel_too = self._task.uncancel() > self._cancelling
        if error_type is asyncio.CancelledError and not others_cancel_too:
            message = "No answer within the time limit."
            raise OutcomeUnknown(message) from error

    def expire_after(self, now: float) -> None:
        """Cancel the body if its time is over."""
        if self.deadline <= now and not self._expired and self._task is not None:
            self._expired = True
            self._task.cancel()
