"""The thread of a database connection."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeAlias, TypeVar

from order_engine.domain.errors import Unavailable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_Job: TypeAlias = tuple[asyncio.Future[Any], Callable[[], Any]]
_Answer: TypeAlias = tuple[asyncio.Future[Any], Any, BaseException | None]


class DatabaseThread:
    """Runs calls sequentially on one thread and returns results on the event loop that created it."""

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._answers: deque[_Answer] = deque()
        self._delivery_is_due = False
        self._has_ended = False
        # A daemon thread, so that an event loop that ends without closing does not block process exit.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        """Run a function on the thread and return its result.

        If the caller is cancelled, a started call still runs to its end; a waiting one is skipped. Raises Unavailable
        after `end`.
        """
        if self._has_ended:
            message = "The repository is closed. Nothing was changed."
            raise Unavailable(message)
        outcome: asyncio.Future[Result] = self._loop.create_future()
        self._jobs.put((outcome, lambda: function(*arguments, **named)))
        return await outcome

    async def end(self, last: Callable[[], None]) -> None:
        """Finish earlier calls, run `last` and end the thread.

        If cancelled, it does not wait, but this still happens.
        """
        self._has_ended = True
        outcome: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((outcome, last))
        self._jobs.put(None)
        await asyncio.shield(outcome)
        self._thread.join()

    def _run(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Run one job. A separate function, so that the waiting thread keeps no reference to a job or result."""
        job = self._jobs.get()
        if job is None:
            return False
        outcome, function = job
        if not outcome.cancelled():
            try:
                self._answer((outcome, function(), None))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
                self._answer((outcome, None, error))
        return True

    def _answer(self, answer: _Answer) -> None:
        """Pass a result to the event loop, which is woken once for all results that are ready."""
        self._answers.append(answer)
        if not self._delivery_is_due:
            self._delivery_is_due = True
            # A closed event loop has no waiting callers.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Cleared first: a result that arrives meanwhile is either included or schedules another delivery.
        self._delivery_is_due = False
        while self._answers:
            outcome, result, error = self._answers.popleft()
            if outcome.done():
                continue
            if error is None:
                outcome.set_result(result)
            else:
                outcome.set_exception(error)
