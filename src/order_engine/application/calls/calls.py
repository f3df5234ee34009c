"""Calls to the repository: limited in time, measured, observed, and retried if the outcome is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from order_engine.application.calls.availability import Availability
from order_engine.application.change_notifier import ChangeNotifier
from order_engine.application.retry_policy import Backoff, failure_reason
from order_engine.application.time_limits import TimeLimits
from order_engine.domain.errors import AdapterFault, InvalidCursor, OutcomeUnknown, Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Committed, Observer

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Time limits of one call in seconds: the default, and the shorter one of renewals."""

    request_seconds: float
    renewal_seconds: float


class RepositoryCalls:
    """Wraps every call to the repository, so that neither adapters nor callers have to."""

    def __init__(  # noqa: PLR0913, PLR0917 - what every call is wrapped in
        self,
        clock: Clock,
        observer: Observer,
        availability: Availability,
        random: Random,
        limits: CallLimits,
        changes: ChangeNotifier,
    ) -> None:
        """Keep `limits`."""
        self._changes = changes
        shortest = min(limits.request_seconds, limits.renewal_seconds)
        self.limits: TimeLimits = TimeLimits(clock.monotonic, clock.sleep, shortest, _no_answer)
        self._seconds = limits.request_seconds
        self._clock = clock
        self._observer = observer
        self._availability = availability
        self._random = random

    async def once(self, operation: str, orders: int, call: Awaitable[Answer], seconds: float | None = None) -> Answer:
        """Await one call on `orders` items and return its answer.

        Raises Unavailable and OutcomeUnknown as the repository does, OutcomeUnknown after the time limit, and
        AdapterFault if the repository raises an error that its port does not allow.
        """
        started = self._clock.monotonic()
        try:
            with self.limits.within(self._seconds if seconds is None else seconds):
                answer = await call
        except (Unavailable, OutcomeUnknown) as error:
            self._availability.failed(operation, error)
            raise
        except InvalidCursor:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):
                raise
            self._availability.failed(operation, error)
            message = f"Repository call {operation} raised {failure_reason(error)}"
            raise AdapterFault(message) from error
        self._availability.answered(operation)
        self._changes.answered(operation)
        self._observer.observe(Committed(operation, orders, self._clock.monotonic() - started))
        return answer

    async def ask(self, operation: str, orders: int, call: Awaitable[Answer]) -> Answer:
        """Return the answer of a call that changes nothing. Raises Unavailable after the time limit."""
        try:
            return await self.once(operation, orders, call)
        except OutcomeUnknown as unknown:
            raise Unavailable(str(unknown)) from unknown

    async def until_known(self, operation: str, orders: int, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer of an idempotent call; retry while its outcome is unknown.

        Raises Unavailable if nothing was changed, and OutcomeUnknown if the outcome stays unknown until the time limit.
        """
        deadline = self._clock.monotonic() + self._seconds
        backoff = Backoff(self._random)
        unknown: OutcomeUnknown | None = None
        while True:
            try:
                return await self.once(operation, orders, call())
            except OutcomeUnknown as error:
                unknown = error
            except Unavailable:
                # This call changed nothing, but a previous one may have.
                if unknown is None:
                    raise
            if not self.is_over(deadline):
                await self._clock.sleep(backoff.pause())
            if self.is_over(deadline):
                raise unknown

    def is_over(self, deadline: float) -> bool:
        """Return whether to stop retrying: the deadline has passed, or the engine has stopped."""
        return self.limits.has_ended or self._clock.monotonic() >= deadline


def _no_answer() -> OutcomeUnknown:
    return OutcomeUnknown("No answer within the time limit.")


def require_count(answers: Sequence[Answer], items: int) -> Sequence[Answer]:
    """Return `answers`. Raises AdapterFault if their number is not `items`."""
    if len(answers) != items:
        message = f"The repository returned {len(answers)} outcomes for {items} items."
        raise AdapterFault(message)
    return answers


def is_cancelled(error: BaseException) -> bool:
    """Return whether the caller is being cancelled. A CancelledError that an adapter raises itself is its fault."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)
