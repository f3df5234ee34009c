"""The observer port: what the engine tells about itself while it runs. The orders' own story is their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from order_engine.domain.commands import Command
from order_engine.domain.order import Order
from order_engine.ports.repository import Applied


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction of `orders` items was answered after `seconds`. `operation`: add, claim, renew or apply."""

    operation: str
    orders: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reported:
    """Attempts ended and were reported: what was said of each, and what the repository answered to it."""

    commands: Sequence[Command]
    answers: Sequence[Applied]
    trace_parents: Mapping[str, str] = field(default_factory=dict)
    """The W3C `traceparent` of each of these orders that has one, by the order's id."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """The processor failed: it raised `error`, or took longer than an attempt may.

    `error` is then the cancellation that stopped it, or None where it did not stop. `command` is what is going to be
    reported: whether the order is retried and after how long, or Failed, and the reason. The attempt ran for `seconds`.
    """

    order: Order
    command: Command
    error: BaseException | None
    seconds: float


@dataclass(frozen=True, slots=True)
class AttemptsVanished:
    """A claim ended this order as Failed: too many of its attempts ended without a report."""

    order: Order


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """The repository broke its contract on this report; the order is taken up again when its lease ends."""

    command: Command
    error: BaseException


@dataclass(frozen=True, slots=True)
class AttemptSuperseded:
    """A renewal found that the order is somebody else's by now; its processor was stopped and nothing is reported."""

    order_id: str
    token: int


@dataclass(frozen=True, slots=True)
class ProcessorStuck:
    """A processor was cancelled and did not stop; its lease was given up and its slot stays taken until it ends."""

    order_id: str
    token: int


@dataclass(frozen=True, slots=True)
class AttemptsNotStarted:
    """No more than `at_once` attempts can be started in this process. What it has claimed beyond is released.

    Reported once, and again where it is less than half of what was reported last.
    """

    error: BaseException
    at_once: int


@dataclass(frozen=True, slots=True)
class AttemptStartsRecovered:
    """Attempts can be started again: as many as there are slots, or some where there were none."""


@dataclass(frozen=True, slots=True)
class LoopBlocked:
    """The event loop stood still for so many seconds, in which no lease could be renewed and nobody was answered."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OrderLocked:
    """Another transaction has locked an order for a while; `action` on it is made again until it is free."""

    order_id: str
    action: str


@dataclass(frozen=True, slots=True)
class RenewalsTooSlow:
    """Leases are renewed so slowly that only `orders` can be worked on at once, less than `concurrency`.

    Reported once, and again where it is less than half of what was reported last.
    """

    orders: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class RepositoryUnavailable:
    """A call of the repository failed; it will be made again where that is the engine's to do."""

    operation: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class RepositoryRecovered:
    """The repository answered again."""


@dataclass(frozen=True, slots=True)
class QueueUnavailable:
    """The queue failed. Orders are found by the poll meanwhile."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class HintsDropped:
    """So many ids did not reach the queue because it was slow. Their orders are found by the poll."""

    orders: int


Fact: TypeAlias = (
    Committed
    | Reported
    | AttemptFailed
    | AttemptsVanished
    | ReportFailed
    | AttemptSuperseded
    | ProcessorStuck
    | AttemptsNotStarted
    | AttemptStartsRecovered
    | LoopBlocked
    | OrderLocked
    | RenewalsTooSlow
    | RepositoryUnavailable
    | RepositoryRecovered
    | QueueUnavailable
    | HintsDropped
)


class Observer(Protocol):
    """Is told facts."""

    def observe(self, fact: Fact) -> None:
        """Take note of `fact`: at once and without raising, since the engine waits meanwhile."""
        ...


@runtime_checkable
class Summarizer(Protocol):
    """An observer that holds back what comes too often, and sums it up."""

    def summarize(self, *, last: bool) -> None:
        """Report what was held back, if it is time for that. Called in every poll interval, and for the `last` time."""
        ...
