"""Observer port: facts about the running engine. The history of orders is kept as events instead."""

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
    """Attempts ended and were reported: the command for each, and the repository's answer."""

    commands: Sequence[Command]
    answers: Sequence[Applied]
    trace_parents: Mapping[str, str] = field(default_factory=dict)
    """W3C `traceparent` by order id, for orders that have one."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """The processor raised `error`, or exceeded the time limit of an attempt.

    In the second case, `error` is the cancellation that stopped it, or None if it did not stop. `command` is the report
    to be sent: retry with its delay, or fail, and the reason. The attempt ran for `seconds`.
    """

    order: Order
    command: Command
    error: BaseException | None
    seconds: float


@dataclass(frozen=True, slots=True)
class AttemptsVanished:
    """A claim ended this order as Failed: too many of its attempts vanished."""

    order: Order


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """The repository broke its contract on this report. The order is claimed again when its lease expires."""

    command: Command
    error: BaseException


@dataclass(frozen=True, slots=True)
class AttemptSuperseded:
    """A renewal found that another worker has claimed the order. Its processor was stopped; nothing is reported."""

    order_id: str
    token: int


@dataclass(frozen=True, slots=True)
class ProcessorStuck:
    """A processor ignored its cancellation. Its lease was released; its slot stays occupied until it returns."""

    order_id: str
    token: int


@dataclass(frozen=True, slots=True)
class AttemptsNotStarted:
    """No more than `at_once` attempts can run in this process. Further claimed orders are released.

    Emitted once, and again when the number falls below half of the last one emitted.
    """

    error: BaseException
    at_once: int


@dataclass(frozen=True, slots=True)
class AttemptStartsRecovered:
    """Attempts can start again: in all slots, or in some after none could start."""


@dataclass(frozen=True, slots=True)
class LoopBlocked:
    """The event loop was blocked for this many seconds, during which no lease was renewed and no request answered."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OrderLocked:
    """Another transaction has locked an order for a while; `action` is retried until the order is unlocked."""

    order_id: str
    action: str


@dataclass(frozen=True, slots=True)
class RenewalsTooSlow:
    """Renewals are so slow that only `orders` orders, fewer than `concurrency`, can run at once.

    Emitted once, and again when the number falls below half of the last one emitted.
    """

    orders: int
    concurrency: int


@dataclass(frozen=True, slots=True)
class RepositoryUnavailable:
    """A call to the repository failed. The engine retries the calls that it makes on its own."""

    operation: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class RepositoryRecovered:
    """The repository is available again."""


@dataclass(frozen=True, slots=True)
class QueueUnavailable:
    """The queue failed. Polling continues to find orders."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class HintsDropped:
    """Ids of `orders` orders were not put into the queue because it is slow. The poll finds these orders."""

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
    """Receiver of facts, for logs and metrics."""

    def observe(self, fact: Fact) -> None:
        """Record `fact`. Must not block or raise, since the engine waits."""
        ...


@runtime_checkable
class Summarizer(Protocol):
    """Optional extension of an observer that suppresses frequent facts and reports summaries."""

    def summarize(self, *, last: bool) -> None:
        """Report suppressed facts if due. Called in every poll interval, and with `last` when the engine stops."""
        ...
