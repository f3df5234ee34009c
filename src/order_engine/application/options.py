"""The engine's own settings: every limit it keeps, with its default."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.errors import InvalidSetting

MEBIBYTE = 1024 * 1024
LARGEST_COUNT = 1_000_000_000
LONGEST_SECONDS = 365 * 24 * 3600.0
MAY_BE_ZERO = frozenset({"attempt_seconds", "backoff_seconds", "backoff_cap_seconds", "grace_seconds", "stop_seconds"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How much, how often and how long. All times are seconds.

    Raises InvalidSetting for a value out of its range.
    """

    concurrency: int = 1000
    """Orders worked on at once in this process."""
    threads: int = 32
    """The same for a processor that is a plain function, of which each attempt takes a thread.

    Enough for calls that wait. Functions that compute take turns with the event loop: more than 32 work at once only as
    long as it is on time.
    """
    lease_seconds: float = 30.0
    """How long an order stays with a worker that is not heard of."""
    max_attempts: int = 5
    """Failures of a round before the order is Failed."""
    max_deliveries: int = 10
    """Attempts of a round that may end without a report before the order is Failed."""
    attempt_seconds: float = 900.0
    """The time limit of one attempt; 0: none."""
    backoff_seconds: float = 0.5
    """The longest first wait between attempts; it doubles with each failure."""
    backoff_cap_seconds: float = 60.0
    """The longest wait of all."""
    poll_seconds: float = 1.0
    """How often the repository is asked for what the queue missed."""
    request_seconds: float = 10.0
    """The time limit of one call of the repository or the queue, and of asking again for an unknown outcome.

    `open_engine` gives it to the adapters too. Whoever opens them by hand limits their calls to less than this.
    """
    grace_seconds: float = 20.0
    """How long running work may go on when the engine drains."""
    stop_seconds: float = 5.0
    """How long a cancelled processor may take to stop before its lease is given up."""
    max_waiting: int = 10_000
    """Placings that may wait for their transaction before the engine answers Overloaded."""
    max_waiting_bytes: int = 64 * MEBIBYTE
    """The same in bytes."""
    batch_orders: int = 500
    """Orders in one transaction."""
    batch_bytes: int = 4 * MEBIBYTE
    """Bytes in one transaction."""
    bell_orders: int = 100_000
    """Ids that may wait to be put into the queue; more are left to the poll."""
    page_limit: int = 1000
    """The largest page of a list or a history."""
    page_bytes: int = 4 * MEBIBYTE
    """The same in bytes of the orders' content: a page with fewer orders than were asked for may not be the last."""
    content: ContentLimits = field(default_factory=ContentLimits)
    """How large an order's content may be."""

    def __post_init__(self) -> None:
        """Check every number."""
        for option in fields(self):
            value = getattr(self, option.name)
            if isinstance(value, ContentLimits):
                continue
            whole = option.type == "int"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise _invalid(option.name, value, "a whole number" if whole else "a number")
            if option.name not in MAY_BE_ZERO and not value > 0:
                raise _invalid(option.name, value, "greater than 0")
            if not 0 <= value <= (LARGEST_COUNT if whole else LONGEST_SECONDS):
                raise _invalid(option.name, value, f"between 0 and {LARGEST_COUNT if whole else LONGEST_SECONDS:g}")


def _invalid(name: str, value: object, wanted: str) -> InvalidSetting:
    return InvalidSetting(f"Setting {name} must be {wanted}, not {value!r}.")
