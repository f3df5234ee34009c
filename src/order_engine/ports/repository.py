"""The repository port: the only truth about orders.

Two protocols, one that changes and one that reads, and the values that they answer with. The rules that hold for all
of it:

* Each call of a writer method is **one transaction**: states, events, counters and idempotency keys change together
  or not at all. A reader's call sees one snapshot of committed transactions.
* **One outcome for each item, in the order of the items, as if they had been applied one after the other in that
  order.** One item that is refused, by a rule or by the store, changes nothing and does not touch the others.
* **Nobody waits for somebody else's lock.** Where an order, an id or a key is locked from outside, by a host's open
  transaction for example, that item is answered BUSY: nothing took effect for it, and it may be asked for again. All
  other items of the call are carried out. A repository that knows no such locks never answers BUSY.
* **Rules are the domain's.** A repository gets commands, never a finished order. It makes versions, events and times
  inside its transaction, either by calling `order_engine.domain.decisions` or by saying the same in its own
  statements; `order_engine.contracts` compares.
* **Times are the repository's.** It stamps them from the one clock it has, never earlier than the order's last.
* A writer call raises **`Unavailable`** (nothing took effect) or **`OutcomeUnknown`** (it may have), and nothing else.
  After either the same call may be made again: placing, claiming and reporting are idempotent. A reader call raises
  `Unavailable`.
* A call that is cancelled has either taken effect whole or not at all.
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
"""A place in the stream of all events: visible ASCII characters, which only the repository that made it can read."""


class AddOutcome(StrEnum):
    """What became of a placement."""

    ADDED = "added"
    REPLAYED = "replayed"
    """The same content under the same id, or the same request under the same key: the first answer holds."""
    CONFLICT = "conflict"
    """The id is taken by other content."""
    KEY_REUSED = "key reused"
    """The idempotency key was used with other content."""
    FULL = "full"
    """The repository is at its limit of orders and takes no new one."""
    REFUSED = "refused"
    """The store cannot keep this item; `reason` says why, in a sentence for the client that names no environment."""
    BUSY = "busy"
    """The id or the key is locked by another transaction that has not ended yet. Nothing took effect: ask again."""


class Added(NamedTuple):
    """The outcome of one placement; `order` is the order as it stands now, where it was added or replayed."""

    outcome: AddOutcome
    order: Order | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim did: `orders` are held by the caller now, `ended` are orders that it ended instead.

    `more`: the bound in bytes left out orders that would have been in the answer.
    """

    orders: Sequence[Order]
    ended: Sequence[Order]
    more: bool = False


class Renewed(StrEnum):
    """The outcome of a renewal."""

    HELD = "held"
    CANCEL_REQUESTED = "cancel requested"
    """Renewed as well: stop the processor, then report."""
    LOST = "lost"
    """The token is not current, or there is no such order."""
    BUSY = "busy"
    """The order is locked by another transaction. The lease is neither renewed nor lost: ask again."""


class Applied(NamedTuple):
    """The outcome of one command: `refusal` is None where it was applied, now or before.

    `order` is the order as it stands after the command. It is there for every client's action on an order that
    exists; for a worker's report a repository may leave it out.
    """

    refusal: RefusalReason | None
    order: Order | None


@dataclass(frozen=True, slots=True)
class PageKey:
    """The place of an order in the list, newest first: by the time of its placing, then by id (as code points)."""

    created_at: datetime
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """Which orders to list: those of a status, of a user, after `after` in the order newest first. `limit` from 1.

    `max_bytes` bounds the content of the page, one order at least; None: no bound.
    """

    limit: int
    status: Status | None = None
    user_id: str | None = None
    after: PageKey | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Orders, newest first, and the key to ask for the next page with; None where this page is the last.

    A page may hold fewer orders than its limit and have a next one: where its bytes are bounded.
    """

    orders: Sequence[Order]
    next: PageKey | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events of all orders, and the cursor after them; an empty page repeats the place it was asked from."""

    events: Sequence[Event]
    next: Cursor
    cursors: Sequence[Cursor] = ()
    """The cursor after each of the events, where the repository is an ExactReader: whoever goes on from it gets the
    rest, once."""


class OrderWriter(Protocol):
    """Changes orders. See the module's rules: each call is one transaction, and may be made again."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Store new orders; with `hold`, the first `hold.limit` that are new are born claimed on those terms.

        A born claimed order has both events, placed and claimed. The same id twice in one call: the second is a
        replay or a conflict. A placement that is asked for again under the same `hold.claim_id` is answered with the
        order held by that claim. Every placement that is added or replayed binds its idempotency key.
        The trace parent is kept as it was placed first, or not at all: it is no content, and no replay changes it.
        """
        ...

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Hand out orders to one worker: at most `terms.limit`, claimed and ended together.

        Without `terms.order_ids` those that are due longest come first.
        Asked again with the same `claim_id` while orders are held by it, the answer is those orders and nothing else
        changes; with a limit of 0 nothing new is taken either way. Unknown, ended and other unclaimable ids in
        `terms.order_ids` are passed over.

        `terms.max_bytes` bounds the answer in bytes, one order at least: what is left out is not claimed, and `more`
        says that there is some. Asked again, a claim answers in the order of the ids, as code points compare, with
        those over `terms.after`. An adapter that was made before these bounds ignores them.
        """
        ...

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Give each lease whose token is current `seconds` from now: also a late one, if nobody took the order.

        No event, no new version.
        """
        ...

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply workers' reports (complete, retry, fail, release) and clients' actions (cancel, redrive).

        A report is compared on id and token inside the statement itself: what a superseded attempt reports is refused
        here, not by the worker (P2). A report that was applied before under its token answers that it was applied:
        the token and the order's standing tell, not which report it was. One that cancelled the order is answered LOST
        when it is repeated.

        Without commands it changes nothing, and raises Unavailable where nothing could be changed: on a full disk, for
        example, that can still be read. So an engine finds out when it may write again.
        """
        ...


class OrderReader(Protocol):
    """Reads orders. Each call sees one snapshot, and at least every transaction that was answered before it."""

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders that exist among the ids."""
        ...

    async def list(self, query: OrderQuery) -> OrderPage:
        """Return one page of orders, newest first, by keyset: paging on is stable while orders come in.

        Of orders that were placed at the same time, the one with the highest id comes first, as code points compare.
        """
        ...

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events of one order with a version over `after`; none for an unknown id."""
        ...

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Return events of all orders from the first, or after a cursor.

        Whoever follows the cursors gets every event once and each order's in version order, also those that committed
        late; no order across orders is promised (P5). With `limit` 0 and no cursor, the answer is the cursor of the
        present end. A cursor that is foreign or too old raises InvalidCursor: an error, never a gap. So does one whose
        reader has seen what a restore or a promotion has undone, also once other events have taken its place.
        """
        ...

    async def statistics(self) -> Statistics:
        """Return the exact counts: the fold of the history at one moment, at a cost that does not grow with it (P8)."""
        ...


class OrderRepository(OrderWriter, OrderReader, Protocol):
    """Both halves."""


@runtime_checkable
class ExactReader(Protocol):
    """What a repository may offer besides: readers who meet at one place, so that one of them can read for all.

    Its pages of events have `cursors`. Without it every stream of events is read by itself, event by event.
    """

    async def events_until(self, after: Cursor | None, limit: int, until: Cursor) -> EventPage:
        """Return events as `OrderReader.events` does, but only what the end `until` has behind it.

        `until` was the present end some time after `after` was given out. Once a page is empty, its reader has seen
        exactly what every other reader has who follows from that end.
        """
        ...


class Portion(NamedTuple):
    """The first of the orders that were asked for, and the ids that were not looked for any more."""

    orders: Mapping[str, Order]
    left: Sequence[str]


class OrderState(NamedTuple):
    """How an order stands, without its content."""

    version: int
    status: Status


@runtime_checkable
class BoundedReader(Protocol):
    """What a repository may offer besides: questions whose answers do not grow with the orders' content.

    Without it, orders are read with `get`, a few at a time.
    """

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the orders that exist among the first ids: up to so many bytes of content, one order at least."""
        ...

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return how the orders stand that exist among the ids."""
        ...
