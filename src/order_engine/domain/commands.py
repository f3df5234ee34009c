"""What may be asked of a repository, as values. They carry durations, never instants: the repository has the clock.

What is made for every order is a NamedTuple, which is immutable and made in a third of a frozen dataclass's time
(0.35 µs against 1.1 µs for eight fields, CPython 3.11).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from order_engine.domain.content.attributes import Attributes
from order_engine.domain.content.sizes import content_size
from order_engine.domain.suspects import SuspectRoom


class Action(StrEnum):
    """The rows of the lifecycle table."""

    PLACE = "place"
    CLAIM = "claim"
    RENEW = "renew"
    COMPLETE = "complete"
    RETRY = "retry"
    FAIL = "fail"
    RELEASE = "release"
    CANCEL = "cancel"
    REDRIVE = "redrive"


REPORTS = frozenset({Action.COMPLETE, Action.RETRY, Action.FAIL, Action.RELEASE})
"""What a worker says of its attempt, under its token."""
CLIENT_ACTIONS = (Action.CANCEL, Action.REDRIVE)
"""What a client or an operator may ask of an order."""


class Placement(NamedTuple):
    """A checked order on its way into the repository.

    `order_id_made` says that the engine made the id, which is then no part of the content. `idempotency_key` is
    unique in the repository and is kept as long as the order. `trace_parent`, which `read_trace_parent` has returned,
    is no part of the content either: a replay keeps that of the first placement.
    """

    order_id: str
    user_id: str
    item_ids: tuple[str, ...]
    total_amount: Decimal
    currency: str | None = None
    attributes: Attributes | None = None
    idempotency_key: str | None = None
    order_id_made: bool = False
    trace_parent: str | None = None

    @property
    def size(self) -> int:
        """Roughly the bytes that this placement takes on its way: what bounds a batch."""
        return content_size(self.item_ids, self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTerms:
    """On which terms a worker takes orders.

    `claim_id` makes the claim idempotent. At most `limit` orders are claimed or ended; suspects that are left alone
    do not count. `order_ids` names candidates; None means whatever is due, longest due first. `max_deliveries` is the
    cap of vanished attempts. With `take_ended_leases` false, orders that somebody held are left alone although their
    lease ended: for a while after an outage, when holders could not renew.

    `max_bytes` bounds the content of the orders, one order at least; None: no bound. Where a claim that is asked again
    was bounded, `after` asks for the rest: only for orders whose id is higher. `running` holds the id and token of each
    lease of the claimant itself: these orders are never taken, wherever the repository's clock was set to.
    """

    claim_id: str
    limit: int
    lease_seconds: float
    max_deliveries: int
    suspects: SuspectRoom
    order_ids: Sequence[str] | None = None
    take_ended_leases: bool = True
    max_bytes: int | None = None
    after: str | None = None
    running: Container[tuple[str, int]] = ()


class Lease(NamedTuple):
    """A worker's hold on an order: its id and the token of the claim."""

    order_id: str
    token: int


class Renewal(NamedTuple):
    """Asks for `seconds` more, from now, on a lease."""

    lease: Lease
    seconds: float


class Command(NamedTuple):
    """One action on one order.

    `token` belongs to a worker's report, `expected_version` (If-Match) to a client's action; `delay` is the seconds
    until a retry is due; `reason` goes into the history, where the word "vanished" is the repository's own.
    """

    order_id: str
    action: Action
    token: int | None = None
    expected_version: int | None = None
    delay: float = 0.0
    reason: str | None = None
