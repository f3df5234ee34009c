"""Policies: small pure decisions on when to try again. Chance comes from outside."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from order_engine.domain.commands import Action, Command
from order_engine.domain.content.text import storable_reason
from order_engine.domain.errors import LONGEST_RETRY_LATER_SECONDS, Rejected, RetryLater
from order_engine.domain.order import Order

LONGEST_PAUSE = 1.0
"""Seconds between two calls to something that is away."""
LONGEST_BUSY_PAUSE = 0.25
"""Seconds between two calls for an order that is locked by another transaction."""
LARGEST_EXPONENT = 64
"""Beyond it any backoff has long met its cap, and the power would overflow a float."""
MAX_ERRORS_IN_REASON = 10
"""Errors of a group that a reason repeats. Far more do not fit into one."""


def full_jitter(exponent: int, first: float, cap: float, random: Random) -> float:
    """Return a wait between 0 and the exponential backoff.

    "Full jitter" of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the variants
    compared there it needs the least work in all and spreads a crowd best.
    """
    return random.uniform(0, min(cap, first * 2.0 ** min(exponent, LARGEST_EXPONENT)))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed attempt is made again, and after how long.

    A group of errors, however nested, counts as what is in it: a Rejected anywhere rejects the order, whatever else
    failed beside it; else the longest delay that a RetryLater in it chose is kept.
    """

    max_attempts: int
    backoff_seconds: float
    backoff_cap_seconds: float

    def after_failure(self, order: Order, error: BaseException, random: Random) -> Command:
        """Return what to report of an attempt that raised `error`: fail or retry."""
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
    """Return the delay that a RetryLater chose; None for other errors, and for a subclass that lost its seconds."""
    seconds = getattr(error, "seconds", None) if isinstance(error, RetryLater) else None
    if isinstance(seconds, int | float) and 0 <= seconds <= LONGEST_RETRY_LATER_SECONDS:
        return float(seconds)
    return None


def _errors_in(error: BaseException) -> list[BaseException]:
    """Return the errors that a group holds, also within its groups; of any other error it alone."""
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
    """Return the history's words for an error: its type and text, cut to what every store can keep.

    For a group they are followed by those of the errors in it, those first that decided what became of the order.
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
        # Joined: a class of text that the user made may fail in a later step.
        text = "".join([str(error)])
    except BaseException as unreadable:  # noqa: BLE001 - the user's error may fail to tell itself in any way
        text = f"(its text raised {type(unreadable).__name__})"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


class Backoff:
    """Growing pauses between calls to something that is away: half fixed, half chance, so that nobody spins."""

    def __init__(self, random: Random, first: float = 0.05, cap: float = LONGEST_PAUSE) -> None:
        """Start with pauses of about `first` seconds and end at `cap`."""
        self._random = random
        self._first = first
        self.longest = cap
        """The longest pause of all, in seconds."""
        self._failures = 0

    def pause(self) -> float:
        """Return the next pause in seconds."""
        longest = min(self.longest, self._first * 2.0 ** min(self._failures, LARGEST_EXPONENT))
        self._failures += 1
        return longest * self._random.uniform(0.5, 1)

    def reset(self) -> None:
        """Start small again: the other side answered."""
        self._failures = 0
