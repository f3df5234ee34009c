"""Record of everything observed from outside: answers to clients, and runs of processors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Final

from order_engine.domain.commands import Placement
from order_engine.domain.order import Order, Status

NEARLY: Final = 0.9
"""A run that was stopped for its time limit has lasted at least this part of it."""
MOST_VIOLATIONS: Final = 50
"""Maximum number of recorded violations per simulation."""


class RunEnd(Enum):
    """How a run of the processor ended."""

    RETURNED = "returns"
    RAISED = "raises"
    CANCELLED = "is cancelled, and returns"


class Claimant:
    """A process that claims orders, and the faults that may cost it leases."""

    def __init__(self, name: str) -> None:
        """Start without faults."""
        self.name = name
        self.dead = False
        """Whether it has ended, in any way."""
        self.gone_at = inf
        """Time at which it ended."""
        self.crashed = False
        """Whether it ended without draining."""
        self.leaves_since = inf
        """Time of its shutdown request."""
        self.last_fault: float = -inf
        """End of its last call with a fault."""
        self.last_progress: float = 0.0
        """Time at which it last started or reported an attempt, or had no free slot."""
        self.full_since = inf
        """Time at which all its slots were first occupied."""
        self.met_outage = False
        """Whether the repository was unavailable to all processes during its lifetime."""
        self.last_pause: float = -inf
        """End of its last pause; infinite while it is paused."""
        self._troubles: list[tuple[float, float]] = []

    def trouble(self, begin: float, end: float) -> None:
        """Record a fault from `begin` to `end`."""
        self._troubles.append((begin, end))

    def trouble_between(self, begin: float, end: float) -> float:
        """Return the total duration of faults between `begin` and `end`, in seconds."""
        seconds, until = 0.0, begin
        for first, last in sorted(self._troubles):
            seconds += max(0.0, min(last, end) - max(first, until))
            until = max(until, min(last, end))
        return seconds

    def was_paused_since(self, moment: float) -> bool:
        """Return whether it has been paused since `moment`."""
        return self.last_pause >= moment

    def pause_began(self) -> None:
        """Record the start of a pause."""
        self.last_pause = inf

    def pause_ended(self, moment: float) -> None:
        """Record the end of a pause."""
        self.last_pause = moment


@dataclass(slots=True)
class Run:
    """One call of the processor."""

    order: Order
    claimant: Claimant
    began: float
    ended: float | None = None
    ending: RunEnd | None = None
    stubborn: bool = False
    """Whether it ignored its cancellation."""
    retry_delay: float | None = None
    """Delay requested by RetryLater, in seconds."""
    stopped: bool = False
    """Whether it was cancelled before it raised."""
    rejected: bool = False
    """Whether it raised Rejected."""
    raised: str | None = None
    """Prefix of the reason that must be recorded for its error."""

    def was_overdue(self, limit: float, now: float = inf) -> bool:
        """Return whether it reached its time limit in seconds, by any clock; 0: no limit."""
        ended = now if self.ended is None else self.ended
        return bool(limit) and ended - self.began >= limit * NEARLY


@dataclass(slots=True)
class KnownOrder:
    """What clients know about one order."""

    placements: list[Placement] = field(default_factory=list)
    """All contents that clients tried to place under this id."""
    acknowledged: Placement | None = None
    """Acknowledged content."""
    fresh_answers: int = 0
    """Number of placements answered as new."""
    unknown: bool = False
    """Whether a placement had no answer or an unknown outcome."""
    version: int = 0
    """Highest version in any answer."""
    cancelled: bool = False
    """Whether an answer showed the order as Cancelled."""
    cancel_requested: float | None = None
    """Time of the first answer that showed a cancel request."""
    redriven: int = 0
    """Number of redrives tried."""
    refused: tuple[Placement, ...] = ()
    """Contents refused because of a conflict."""
    matched: tuple[int, ...] = ()
    """Expected versions of successful cancellations."""
    redriven_at: tuple[int, ...] = ()
    """Expected versions of successful redrives."""

    @property
    def was_only_refused(self) -> bool:
        """Whether all placements were answered with an error that guarantees that nothing was stored."""
        return self.acknowledged is None and not self.unknown


@dataclass(frozen=True, slots=True)
class Violation:
    """Broken promise."""

    promise: str
    what: str
    order_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Format as one line."""
        return f"{self.promise}: {self.what}"


class Record:
    """Everything observed in one simulation."""

    def __init__(self) -> None:
        """Start empty."""
        self.known: dict[str, KnownOrder] = {}
        self.runs: dict[str, list[Run]] = defaultdict(list)
        self.violations: list[Violation] = []
        self.on_violation: Callable[[], object] = lambda: None
        """Called whenever a promise is broken."""

    def of(self, order_id: str) -> KnownOrder:
        """Return what clients know about one order."""
        known = self.known.get(order_id)
        if known is None:
            known = self.known[order_id] = KnownOrder()
        return known

    def violate(self, promise: str, what: str, *order_ids: str) -> None:
        """Record a broken promise."""
        if len(self.violations) < MOST_VIOLATIONS:
            self.violations.append(Violation(promise, what, order_ids))
        self.on_violation()

    def answered(self, order: Order, version_before: int, now: float) -> None:
        """Record an answer received at `now` to a call made when `version_before` was the highest known version."""
        known = self.of(order.order_id)
        if order.version < version_before:
            what = f"{order.order_id} was read at version {order.version} after {version_before}"
            self.violate("reads see what was answered before", what, order.order_id)
        known.version = max(known.version, order.version)
        if order.status is Status.CANCELLED:
            known.cancelled = True
        elif order.cancel_requested and not order.status.ended and known.cancel_requested is None:
            known.cancel_requested = now
