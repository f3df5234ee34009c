"""Settings of the engine, with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.setting import MEBIBYTE, PLACING, RUNNING, Commands, Group, check, count, seconds

limit: partial[int] = partial(count, group=Group.LIMITS, commands=PLACING)
page: partial[int] = partial(count, group=Group.LIMITS, commands=RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Settings of an engine. All times are in seconds.

    Raises InvalidSetting for a value out of range.
    """

    concurrency: int = count(1000, "Maximum number of orders processed at the same time, per process.")
    threads: int = count(32, "Maximum number of threads for a processor that is a plain function, per process.")
    """Enough for calls that wait. Functions that compute take turns with the event loop: more than 32 run at once only
    as long as it is on time."""
    lease_seconds: float = seconds(
        30.0, "Seconds before an order is taken from a worker that stopped renewing its lease."
    )
    max_attempts: int = count(5, "Failed attempts before an order is Failed.")
    max_deliveries: int = count(10, "Attempts without a report (crashes) before an order is Failed.")
    attempt_seconds: float = seconds(900.0, "Time limit of one attempt, in seconds; 0: no limit.", zero=True)
    backoff_seconds: float = seconds(
        0.5, "Maximum wait before the first retry, in seconds; it doubles with each failure.", zero=True
    )
    backoff_cap_seconds: float = seconds(60.0, "Maximum wait before any retry, in seconds.", zero=True)
    poll_seconds: float = seconds(1.0, "Seconds between polls of the repository for orders that the queue missed.")
    request_seconds: float = seconds(10.0, "Time limit of a request, in seconds.", commands=PLACING | Commands.OPERATE)
    """Also the time limit of one call to the repository or the queue, and of retries after an unknown outcome.

    `open_engine` passes it to the adapters. If you open adapters yourself, limit their calls to less than this.
    """
    grace_seconds: float = seconds(20.0, "Seconds that running attempts have to finish at shutdown.", zero=True)
    stop_seconds: float = seconds(
        5.0, "Seconds that a cancelled processor has to stop before its lease is given up.", zero=True
    )
    max_waiting: int = limit(10_000, "Maximum number of orders that wait to be placed; more are refused with 503.")
    max_waiting_bytes: int = limit(
        64 * MEBIBYTE, "Maximum size of the orders that wait to be placed, in bytes; more are refused with 503."
    )
    batch_orders: int = limit(500, "Maximum number of orders in one transaction.")
    batch_bytes: int = limit(4 * MEBIBYTE, "Maximum size of one transaction, in bytes.")
    bell_orders: int = limit(100_000, "Maximum number of order ids that wait for the queue; the poll finds the rest.")
    page_limit: int = page(
        1000, "Maximum number of entries in a page of a list or a history.", commands=RUNNING | Commands.OPENAPI
    )
    page_bytes: int = page(4 * MEBIBYTE, "Maximum size of the orders in a page of a list, in bytes.")
    """A page with fewer orders than requested is therefore not necessarily the last."""
    content: ContentLimits = field(default_factory=ContentLimits)
    """Limits on the content of an order."""

    def __post_init__(self) -> None:
        """Validate all numbers."""
        check(self)
