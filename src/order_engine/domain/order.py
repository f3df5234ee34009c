"""The order: what a client places, and what the engine keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NotRequired, TypedDict

from order_engine.domain.content.attributes import Attributes, JsonInput
from order_engine.domain.content.sizes import content_size


class Status(StrEnum):
    """What a client sees of an order's life. It never moves backwards except by a redrive."""

    PENDING = "Pending"
    """Placed or redriven, and not yet claimed."""
    PROCESSING = "Processing"
    """Claimed at least once in this round: running, waiting for a retry, or waiting to be taken over."""
    COMPLETED = "Completed"
    """The processor ended without an error."""
    FAILED = "Failed"
    """Given up: rejected, out of attempts, or out of deliveries. An operator may redrive it."""
    CANCELLED = "Cancelled"
    """Stopped at the client's request."""

    @property
    def ended(self) -> bool:
        """Whether the order's round is over."""
        return self in ENDED


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""The statuses in which an order's round is over."""


class LifecycleState(StrEnum):
    """Where an order stands, as finely as the rules need it: the columns of the lifecycle table."""

    ABSENT = "absent"
    """No order has this id."""
    PENDING = "Pending"
    LEASED = "Processing, leased"
    """A worker holds a token that is current."""
    WAITING = "Processing, not leased"
    """Between two attempts: a retry that is due later, or an attempt that was released."""
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def status(self) -> Status | None:
        """The status that a client sees; None where there is no order."""
        if self is LifecycleState.ABSENT:
            return None
        return Status(self.value.partition(",")[0])


_STATE_OF_STATUS = {status: LifecycleState(status.value) for status in Status if status is not Status.PROCESSING}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order as a client gives it, not checked yet: `place` checks it and says everything that is wrong.

    Without an `order_id` the engine makes one. `total_amount` is a string in the grammar of a JSON number, an `int`
    or a `Decimal`; never a float. `item_ids` may repeat. `attributes` is any JSON object, for the processor.
    `trace_parent` is the W3C `traceparent` of the trace that the order is placed in; it is no part of the content.
    """

    user_id: str
    item_ids: Sequence[str]
    total_amount: Decimal | int | str
    order_id: str | None = None
    currency: str | None = None
    attributes: Mapping[str, JsonInput] | None = None
    trace_parent: str | None = None


class OrderContent(TypedDict):
    """What an order begins with: the fields that never change, and the time of its placing."""

    order_id: str
    user_id: str
    item_ids: tuple[str, ...]
    total_amount: Decimal
    currency: str | None
    attributes: Attributes | None
    trace_parent: NotRequired[str | None]
    created_at: datetime
    updated_at: datetime


class StateChange(TypedDict, total=False):
    """The fields of an order that an action may change."""

    status: Status
    version: int
    round: int
    token: int
    attempts: int
    failures: int
    vanished: int
    cancel_requested: bool
    claim_id: str | None
    lease_ends: datetime | None
    due: datetime | None
    updated_at: datetime
    processing_started_at: datetime | None
    ended_at: datetime | None
    failure: str | None


NEW_ROUND: StateChange = {
    "attempts": 0,
    "failures": 0,
    "vanished": 0,
    "processing_started_at": None,
    "ended_at": None,
    "failure": None,
}
"""What a redrive starts anew."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order at one version. Immutable: an action makes the next version.

    Towards other systems, `order_id` is the idempotency key for "once ever", `order_id` and `round` together for
    "once per redrive"; `token` is a fence for systems that can compare it.
    """

    order_id: str
    user_id: str
    item_ids: tuple[str, ...]
    total_amount: Decimal
    """Exact, with two decimals or as many as it needs."""
    currency: str | None
    attributes: Attributes | None
    trace_parent: str | None = None
    """The W3C `traceparent` of the request that placed the order first; None where it had none, or the repository keeps
    none. A processor uses it to continue that request's trace. It is no part of the content."""

    created_at: datetime
    updated_at: datetime
    """When the last event happened; no event of an order is stamped earlier than the one before."""

    status: Status = Status.PENDING
    version: int = 1
    """One more with every event, renewals having none."""
    round: int = 1
    """One more with every redrive."""
    token: int = 0
    """Rises with every claim and never starts again; 0 before the first claim."""
    attempts: int = 0
    """Claims of this round less releases."""
    failures: int = 0
    """Errors that the processor raised in this round."""
    vanished: int = 0
    """Attempts of this round that ended without a report."""
    cancel_requested: bool = False
    claim_id: str | None = None
    """The claim that took the order last."""
    lease_ends: datetime | None = None
    """Until when the holder may be taken for alive; None while nobody holds the order."""
    due: datetime | None = None
    """From when the order may be claimed; None: at once, where nobody holds it and it has not ended.

    "At once" is no time of day: a clock that is set back must not put off an order that waits for nothing.
    """
    processing_started_at: datetime | None = None
    """The first claim of this round."""
    ended_at: datetime | None = None
    failure: str | None = None
    """Why the order is Failed, or why its last attempt failed."""

    @property
    def size(self) -> int:
        """Roughly the bytes that this order takes on its way: what bounds an answer."""
        return content_size(self.item_ids, self.attributes)

    @property
    def attempt(self) -> int:
        """The number of the present or last attempt in this round, 1 being the first."""
        return self.attempts

    @property
    def leased(self) -> bool:
        """Whether a worker holds a current token."""
        return self.lease_ends is not None

    @property
    def state(self) -> LifecycleState:
        """The column of the lifecycle table that this order is in."""
        if self.status is Status.PROCESSING:
            return LifecycleState.WAITING if self.lease_ends is None else LifecycleState.LEASED
        return _STATE_OF_STATUS[self.status]


_BLANK: dict[str, object] = {
    field.name: field.default
    for field in fields(Order)
    if field.default is not MISSING and field.name not in OrderContent.__annotations__
}


def new_order(content: OrderContent) -> Order:
    """Return the first version of an order: Pending, with nothing but its content and the time of its placing.

    Fills the instance's dictionary as `evolve` does, and for the same reason. Tests compare it with the constructor.
    """
    order: Order = object.__new__(Order)
    state = order.__dict__
    state.update(content)
    state.update(_BLANK)
    return order


def evolve(order: Order, changes: StateChange) -> Order:
    """Return the next version of `order`: a copy with `changes`.

    Copies the instance's dictionary, which no type checker follows: tests compare its names, types and results with
    those of `dataclasses.replace`. That runs the frozen constructor over all 23 fields, 7.4 µs against 0.6 µs here, and
    an order evolves twice or more. Placing and completing one in memory takes 23 µs so, and otherwise:

    * 39 µs with `dataclasses.replace`;
    * 28 µs where the class has slots, filled by their descriptors in a generated function;
    * 26 µs as a NamedTuple, which would be equal to any tuple besides;
    * 22 µs with slots that anybody may write: a processor could change what a repository in memory keeps.

    (Medians, CPython 3.11, 2 cores.)
    """
    successor: Order = object.__new__(Order)
    state = successor.__dict__
    state.update(order.__dict__)
    state.update(changes)
    return successor
