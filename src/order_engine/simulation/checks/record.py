"""What was seen from outside: what clients were told, and what processors saw. The promises are judged by this."""

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
"""A run that was stopped for its time limit has lasted nearly as long at least."""
MOST_VIOLATIONS: Final = 50
"""What is kept of one simulation: one is enough to fail it, and the rest mostly says the same."""


class RunEnd(Enum):
    """How a run of the processor ended, as the processor saw it."""

    RETURNED = "returns"
    RAISED = "raises"
    CANCELLED = "is cancelled, and returns"


class Claimant:
    """One life of one instance, and what happened to it that may cost it a lease."""

    def __init__(self, name: str) -> None:
        """Begin without trouble."""
        self.name = name
        self.dead = False
        """Whether it is over, in whichever way."""
        self.gone_at = inf
        """When it was over."""
        self.crashed = False
        """Whether it ended without draining."""
        self.leaves_since = inf
        """When it was told to shut down."""
        self.last_fault: float = -inf
        """When the last call ended that met a fault."""
        self.last_progress: float = 0.0
        """When it last began or reported something, or had no free slot."""
        self.full_since = inf
        """When it first had as many orders as it may run."""
        self.met_outage = False
        """Whether the store was away from everybody while it lived."""
        self.last_pause: float = -inf
        """When its last pause ended; infinite while it is paused."""
        self._troubles: list[tuple[float, float]] = []

    def trouble(self, begin: float, end: float) -> None:
        """Note trouble from `begin` to `end`."""
        self._troubles.append((begin, end))

    def trouble_between(self, begin: float, end: float) -> float:
        """Return how many seconds of trouble there were between these moments."""
        seconds, until = 0.0, begin
        for first, last in sorted(self._troubles):
            seconds += max(0.0, min(last, end) - max(first, until))
            until = max(until, min(last, end))
        return seconds

    def was_paused_since(self, moment: float) -> bool:
        """Whether it is paused, or was after `moment`."""
        return self.last_pause >= moment

    def pause_began(self) -> None:
        """Be paused from now on."""
        self.last_pause = inf

    def pause_ended(self, moment: float) -> None:
        """Go on at `moment`."""
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
    """The seconds after which it asked to be called again."""
    stopped: bool = False
    """Whether it was cancelled before it raised."""
    rejected: bool = False
    """Whether it said that the order is never to be tried again."""
    raised: str | None = None
    """How a reason has to begin that tells what it raised."""

    def was_overdue(self, limit: float, now: float = inf) -> bool:
        """Whether it took as long as its limit in seconds, by whichever clock; 0: there is none."""
        ended = now if self.ended is None else self.ended
        return bool(limit) and ended - self.began >= limit * NEARLY


@dataclass(slots=True)
class KnownOrder:
    """What the clients know of one order."""

    placements: list[Placement] = field(default_factory=list)
    """Every content that somebody tried to place under this id."""
    acknowledged: Placement | None = None
    """The content that was acknowledged."""
    fresh_answers: int = 0
    """How many placings were answered as the first one."""
    unknown: bool = False
    """Whether some placing had no answer, or one that leaves open what became of it."""
    version: int = 0
    """The highest version that any answer told."""
    cancelled: bool = False
    """Whether somebody was told that the order is Cancelled."""
    cancel_requested: float | None = None
    """Since when somebody has been told that a cancellation is on its way."""
    redriven: int = 0
    """How many redrives were tried."""
    refused: tuple[Placement, ...] = ()
    """The contents that were refused since the id was another's."""
    matched: tuple[int, ...] = ()
    """The versions that were expected by cancellations that were answered as made."""
    redriven_at: tuple[int, ...] = ()
    """The same of redrives."""

    @property
    def was_only_refused(self) -> bool:
        """Whether everybody who tried to place it was told that nothing was stored."""
        return self.acknowledged is None and not self.unknown


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    promise: str
    what: str
    order_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.promise}: {self.what}"


class Record:
    """Everything that was seen in one simulation."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.known: dict[str, KnownOrder] = {}
        self.runs: dict[str, list[Run]] = defaultdict(list)
        self.violations: list[Violation] = []
        self.on_violation: Callable[[], object] = lambda: None
        """Called whenever a promise is broken."""

    def of(self, order_id: str) -> KnownOrder:
        """Return what is known of one order."""
        known = self.known.get(order_id)
        if known is None:
            known = self.known[order_id] = KnownOrder()
        return known

    def violate(self, promise: str, what: str, *order_ids: str) -> None:
        """Note that a promise was broken."""
        if len(self.violations) < MOST_VIOLATIONS:
            self.violations.append(Violation(promise, what, order_ids))
        self.on_violation()

    def answered(self, order: Order, version_before: int, now: float) -> None:
        """Note an answer that came `now` to a call that was made when `version_before` was known to somebody."""
        known = self.of(order.order_id)
        if order.version < version_before:
            what = f"{order.order_id} was told at version {order.version} after {version_before}"
            self.violate("reads see what was answered before", what, order.order_id)
        known.version = max(known.version, order.version)
        if order.status is Status.CANCELLED:
            known.cancelled = True
        elif order.cancel_requested and not order.status.ended and known.cancel_requested is None:
            known.cancel_requested = now
