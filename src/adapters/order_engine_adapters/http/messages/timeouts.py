"""Time limits of requests, cheap enough for every one of them."""

from __future__ import annotations

import asyncio
from types import TracebackType

CHECKS_PER_SECOND = 10


class Timeouts:
    """Watches everything in one application that has a time limit.

    One timer looks at all of it ten times a second. `asyncio.timeout` sets a timer of its own each time, which for the
    body and the work of a request together took 15 % of the time of a placing (CPython 3.11, uvloop).
    """

    def __init__(self) -> None:
        """Start with none; the timer runs only while there are some."""
        self._open: dict[Timeout, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, seconds: float) -> Timeout:
        """Return a context whose body is ended by TimeoutError after `seconds`, give or take a tenth of a second."""
        return Timeout(self, seconds)

    def running_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop, asking for it once.

        Before Python 3.12 each question for it asks the system for the process's id, which five times a request took
        a fifth of the event loop's time.
        """
        if self._loop is None or not self._loop.is_running():
            self._loop = asyncio.get_running_loop()
        return self._loop

    def opened(self, deadline: Timeout, loop: asyncio.AbstractEventLoop) -> None:
        """Watch `deadline`."""
        self._open[deadline] = None
        if self._timer is None:
            self._look_later(loop)

    def closed(self, deadline: Timeout) -> None:
        """Watch it no longer."""
        del self._open[deadline]

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(1 / CHECKS_PER_SECOND, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for deadline in list(self._open):
            deadline.expire_after(now)
        self._timer = None
        if self._open:
            self._look_later(loop)


class Timeout:
    """One time limit around one body, in the task that entered it; does what `asyncio.timeout` does."""

    __slots__ = ("_at", "_cancelling", "_deadlines", "_expired", "_seconds", "_task")

    def __init__(self, deadlines: Timeouts, seconds: float) -> None:
        """End the body after `seconds`."""
        self._deadlines = deadlines
        self._seconds = seconds
        self._at = 0.0
        self._task: asyncio.Task[object] | None = None
        self._expired = False
        self._cancelling = 0

    def __enter__(self) -> None:
        """Start being watched."""
        loop = self._deadlines.running_loop()
        self._at = loop.time() + self._seconds
        self._task = asyncio.current_task(loop)
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._deadlines.opened(self, loop)

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Turn our own cancellation, and only that, into TimeoutError."""
        self._deadlines.closed(self)
        if not self._expired or self._task is None:
            return
        others_cancel_too = self._task.uncancel() > self._cancelling
        if error_type is asyncio.CancelledError and not others_cancel_too:
            raise TimeoutError from error

    def expire_after(self, now: float) -> None:
        """Cancel the body if its time is over."""
        if self._at <= now and not self._expired and self._task is not None:
            self._expired = True
            self._task.cancel()
