"""Repository port: the single source of truth about orders.

Two protocols, for writing and for reading, and the values that they return. Rules for all methods:

* Each call of a writer method is **one transaction**: states, events, counters and idempotency keys change together
  or not at all. A reader's call sees one snapshot of committed transactions.
* **One outcome per item, in the order of the items, as if they had been applied one after the other in that order.** An
  item that is refused, by a rule or by the database, changes nothing and does not affect the other items.
* **No call waits for a lock of another transaction.** If an order, an id or a key is locked from outside, for example
  by an open transaction of the host application, the outcome of that item is BUSY: nothing was changed for it, and it
  may be retried. All other items of the call are applied. A repository without such locks never returns BUSY.
* **The domain defines the rules.** A repository receives commands, never a finished order. It creates versions, events
  and times inside its transaction, either by calling `order_engine.domain.decisions` or by equivalent statements;
  `order_engine.contracts` compares the two.
* **The repository sets all times.** It takes them from its own clock, never earlier than the order's last time.
* A writer method raises **`Unavailable`** (nothing was changed) or **`OutcomeUnknown`** (something may have been
  changed), and nothing else. After either, the same call may be repeated: placing, claiming and reporting are
  idempotent. A reader method raises `Unavailable`.
* A cancelled call has either taken effect completely or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType, Protocol, runtime_checkable

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order, Status

Cursor = NewType("Cursor", str)
"""Position in the stream of all events: visible ASCII characters, opaque to all but the repository that created it."""


class AddOutcome(StrEnum):
    """Outcome of a placement."""

    ADDED = "added"
    REPLAYED = "replayed"
    """Same content under the same id, or same request under the same key: the first answer is valid."""
    CONFLICT = "conflict"
    """An order with this id and different content exists."""
    KEY_REUSED = "key reused"
    """The idempotency key was used with different content."""
    FULL = "full"
    """The repository has reached its limit of orders."""
    REFUSED = "refused"
    """The database cannot store this item. `reason` explains why to the client, without details of the environment."""
    BUSY = "busy"
    """The id or the key is locked by another open transaction. Nothing was changed: retry."""


class Added(NamedTuple):
    """Outcome of one placement. `order` is the current version if it was added or replayed."""

    outcome: AddOutcome
    order: Order | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """Result of a claim: `orders` are leased to the caller, `ended` are orders that were ended instead.

    `more`: further orders were omitted because of the limit in bytes.
    """

    orders: Sequence[Order]
    ended: Sequence[Order]
    more: bool = False


class Renewed(StrEnum):
    """Outcome of a renewal."""

    HELD = "held"
    CANCEL_REQUESTED = "cancel requested"
    """Renewed, but the processor should be stopped and the attempt reported."""
    LOST = "lost"
    """The token is not current, or there is no such order."""
    BUSY = "busy"
    """The order is locked by another transaction. The lease is neither renewed nor lost: retry."""


class Applied(NamedTuple):
    """Outcome of one command. `refusal` is None if it was applied, now or before.

    `order` is the order after the command. It is set for every client's action on an existing order; for a worker's
    report, a repository may omit it.
    """

    refusal: RefusalReason | None
    order: Order | None


@dataclass(frozen=True, slots=True)
class PageKey:
    """Position of an order in the list, newest first: by the time it was placed, then by id (in code points)."""

    created_at: datetime
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Query for a list of orders, newest first: by status, by user, after the position `after`. `limit` is at least 1.

    `max_bytes` limits the content of the page, to one order at least; None: no limit.
    """

    limit: int
    status: Status | None = None
    user_id: str | None = None
    after: PageKey | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Page of orders, newest first, and the key of the next page; None on the last page.

    A page with fewer orders than its limit may have a next page if its size in bytes is limited.
    """

    orders: Sequence[Order]
    next: PageKey | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Page of events of all orders, and the cursor after them; an empty page returns the requested cursor."""

    events: Sequence[Event]
    next: Cursor
    cursors: Sequence[Cursor] = ()
    """Cursor after each of the events, if the repository is an ExactReader. Reading on from it returns the remaining
    events once."""


class OrderWriter(Protocol):
    """Writes orders. Each call is one transaction and may be repeated; see the rules of this module."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Store new orders. With `hold`, the first `hold.limit` new orders are claimed in the same transaction.

        Such an order is *born claimed*: it has both events, placed and claimed. If an id occurs twice in one call, the
        second item is a replay or a conflict. Repeating a placement with the same `hold.claim_id` returns the order
        leased by that claim. Every placement that is added or replayed binds its idempotency key. The trace parent of
        the first placement is stored, or none at all: it is not part of the content, and no replay changes it.
        """
        ...

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Lease orders to one worker: at most `terms.limit`, claimed and ended orders together.

        Without `terms.order_ids`, orders that have been due longest come first. Ids in `terms.order_ids` that are
        unknown, ended or not claimable are skipped. A repeated call with the same `claim_id` returns the orders that
        the claim still leases and changes nothing. With a limit of 0, no order is claimed in either case.

        `terms.max_bytes` limits the size of the answer, to one order at least. Orders beyond it are not claimed, and
        `more` is set. A repeated claim returns its orders in the order of their ids (by code point), starting after
        `terms.after`. An adapter that does not know these limits ignores them.
        """
        ...

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Extend each lease whose token is current to `seconds` from now, even if it has expired in the meantime.

        This appends no event and does not change the version.
        """
        ...

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply workers' reports (complete, retry, fail, release) and clients' actions (cancel, redrive).

        The statement itself compares the id and token of a report: the repository, not the worker, refuses reports of
        superseded attempts (P2). Repeating a report that was applied under its token returns that it was applied; this
        depends on the token and the order's state, not on the kind of report. Repeating a report that cancelled the
        order returns LOST.

        Without commands, it changes nothing, and raises Unavailable if nothing could be changed, for example on a full
        disk that is still readable. The engine uses this to detect when writes work again.
        """
        ...


class OrderReader(Protocol):
    """Reads orders. Each call sees one snapshot that includes all transactions answered before the call."""

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the existing orders among the ids."""
        ...

    async def list(self, query: OrderQuery) -> OrderPage:
        """Return one page of orders, newest first, by keyset, so that paging is stable while orders are added.

        Orders placed at the same time are sorted by id in descending order of code points.
        """
        ...

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events of one order with a version above `after`; none for an unknown id."""
        ...

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Return events of all orders from the first one, or after a cursor.

        Following the cursors returns every event once, including those committed late, and each order's events in
        version order; the order across orders is not defined (P5). With `limit` 0 and no cursor, the page contains the
        cursor of the current end. Raises InvalidCursor for a foreign or outdated cursor, instead of skipping events,
        and for a cursor after events that a restore or a promotion has undone, even if other events replaced them.
        """
        ...

    async def statistics(self) -> Statistics:
        """Return exact metrics, equal to those computed from the history, at a cost independent of its length (P8)."""
        ...


class OrderRepository(OrderWriter, OrderReader, Protocol):
    """Reads and writes orders."""


@runtime_checkable
class ExactReader(Protocol):
    """Optional extension of a repository: readers that can stop at the same position, so that one reads for all.

    Its pages of events contain `cursors`. Without it, every event stream reads the repository on its own.
    """

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Return events as `OrderReader.events` does, but only up to the position `until`.

        `until` is a cursor of the end, requested after `after` was issued. When a page is empty, the reader has seen
        exactly the events that precede `until`, as has every other reader that continues from there.
        """
        ...


class Portion(NamedTuple):
    """First of the requested orders, and the ids that were not read."""

    orders: Mapping[str, Order]
    left: Sequence[str]


class OrderState(NamedTuple):
    """Version and status of an order, without its content."""

    version: int
    status: Status


@runtime_checkable
class BoundedReader(Protocol):
    """Optional extension of a repository: reads whose answers are limited in size.

    Without it, orders are read with `get`, a few at a time.
    """

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the existing orders among the first ids, up to `max_bytes` of content, one order at least."""
        ...

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the states of the existing orders among the ids."""
        ...
