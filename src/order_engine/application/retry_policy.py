"""Retry policies: pure functions of an injected source of randomness."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from order_engine.domain.commands import Action, Command
from order_engine.domain.content.text import storable_reason
from order_engine.domain.errors import LONGEST_RETRY_LATER_SECONDS, Rejected, RetryLater
from order_engine.domain.order import Order

LONGEST_PAUSE = 1.0
"""Maximum seconds between two calls to an unavailable service."""
LONGEST_BUSY_PAUSE = 0.25
"""Maximum seconds between two calls for an order that is locked by another transaction."""
LARGEST_EXPONENT = 64
"""Above it, any backoff has reached its cap, and the power would overflow a float."""
MAX_ERRORS_IN_REASON = 10
"""Maximum number of errors of an exception group in a reason. Many more would not fit."""


def full_jitter(exponent: int, first: float, cap: float, random: Random) -> float:
    """Return a random wait between 0 and the exponential backoff.

    This is "full jitter" from M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the
    variants compared there, it needs the fewest calls in total and spreads them best.
    """
    return random.uniform(0, min(cap, first * 2.0 ** min(exponent, LARGEST_EXPONENT)))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Number and delay of retries after failed attempts.

    An exception group, however nested, is judged by its members: any Rejected rejects the order; otherwise the longest
    delay requested by a RetryLater is used.
    """

    max_attempts: int
    backoff_seconds: float
    backoff_cap_seconds: float

    def after_failure(self, order: Order, error: BaseException, random: Random) -> Command:
        """Return the report for an attempt that raised `error`: fail or retry."""
        reason = failure_reason(error)
        errors = _errors_in(error)
        is_rejected = any(isinstance(each, Rejected) for each in errors)
        if is_rejected or order.failures + 1 >= self.max_attempts:
            return Command(order.order_id, Action.FAIL, token=order.token, reason=reason)
        delays = [delay for each in errors if (delay := _chosen_delay(each)) is not None]
        delay = max(delays, default=None)
        if delay is None:
            delay = full_jitter(order.failures, self.backoff_seconds, self.backoff_cap_seconds, random)
        return Command(order.order_id, Action.RETRY, token=order.token, delay=delay, reason=reason)


def _chosen_delay(error: BaseException) -> float | None:
    """Return the delay of a RetryLater; None for other errors, and for subclasses without valid seconds."""
    seconds = getattr(error, "seconds", None) if isinstance(error, RetryLater) else None
    if isinstance(seconds, int | float) and 0 <= seconds <= LONGEST_RETRY_LATER_SECONDS:
        return float(seconds)
    return None


def _errors_in(error: BaseException) -> list[BaseException]:
    """Return all errors of an exception group and its nested groups, or the error itself."""
    found: list[BaseException] = []
    to_open = [error]
    while to_open:
        each = to_open.pop()
        if isinstance(each, BaseExceptionGroup):
            to_open.extend(reversed(each.exceptions))
        else:
            found.append(each)
    return found


def failure_reason(error: BaseException) -> str:
    """Return the reason recorded in the history for an error: its type and text, storable in every database.

    For an exception group, its members follow, the ones that determined the outcome first.
    """
    words = _describe(error)
    if isinstance(error, BaseExceptionGroup):
        errors = sorted(_errors_in(error), key=_rank)
        words += " [" + "; ".join(map(_describe, errors[:MAX_ERRORS_IN_REASON])) + "]"
    return storable_reason(words)


def _rank(error: BaseException) -> int:
    if isinstance(error, Rejected):
        return 0
    return 1 if isinstance(error, RetryLater) else 2


def _describe(error: BaseException) -> str:
    try:
        # Join to get a plain str: a user's subclass of str may fail later.
        text = "".join([str(error)])
    except BaseException as unreadable:  # noqa: BLE001 - a user's __str__ may raise anything
        text = f"(its text raised {type(unreadable).__name__})"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


class Backoff:
    """Exponentially growing pauses between retries: half fixed and half random, so that retries are never immediate."""

    def __init__(self, random: Random, first: float = 0.05, cap: float = LONGEST_PAUSE) -> None:
        """Grow from about `first` seconds up to `cap`."""
        self._random = random
        self._first = first
        self.longest = cap
        """Longest pause in seconds."""
        self._failures = 0

    def pause(self) -> float:
        """Return the next pause in seconds."""
        longest = min(self.longest, self._first * 2.0 ** min(self._failures, LARGEST_EXPONENT))
        self._failures += 1
        return longest * self._random.uniform(0.5, 1)

    def reset(self) -> None:
        """Restart with short pauses after a successful call."""
        self._failures = 0
