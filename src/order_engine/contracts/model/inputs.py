"""What the state machine draws: small pools, so that collisions are frequent, and values that print shortly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from order_engine.contracts.model.model import Model
from order_engine.contracts.samples import AMPLE_ROOM, LEASE_SECONDS, RETRY_DELAY, Content, placement, terms
from order_engine.domain.commands import CLIENT_ACTIONS, REPORTS, Action, ClaimTerms, Command, Lease, Placement
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.suspects import SuspectRoom

ORDER_IDS: Final = ("a", "b", "\U0001f600")
"""Those that most commands are about."""
MORE_IDS: Final = ("c", "d", "e", "f")
"""Those that a batch may place besides."""
UNKNOWN_ID: Final = "nobody"

CONTENTS: Final[Mapping[str, Content]] = {
    "plain": Content(),
    "items turned": Content(item_ids=("item-2", "item-1", "item-1")),
    "other attributes": Content(attributes=Attributes('{"gift":true}')),
    "free": Content(item_ids=(), total_amount=Decimal("0.00"), currency=None, attributes=None),
}


@dataclass(frozen=True)
class Wish:
    """A placement to be: `order_id` None has the engine make the id."""

    order_id: str | None
    content: str = "plain"
    key: str | None = None

    def placement(self, made_id: str) -> Placement:
        """Return the placement."""
        content = CONTENTS[self.content] | Content(idempotency_key=self.key, order_id_made=self.order_id is None)
        return placement(made_id if self.order_id is None else self.order_id, **content)


@dataclass(frozen=True)
class Report:
    """A worker's report: `token` counts from the order's last token, 0 being that one."""

    action: Action
    order_id: str
    token: int = 0
    delay: float = 0.0

    def command(self, model: Model) -> Command:
        """Return the command as things stand."""
        token = model.token(self.order_id) + self.token
        return Command(self.order_id, self.action, token=token, delay=self.delay, reason=f"{self.action} of {token}")


@dataclass(frozen=True)
class Ask:
    """A client's action: `version` counts from the order's present one; None expects none."""

    action: Action
    order_id: str
    version: int | None = None

    def command(self, model: Model) -> Command:
        """Return the command as things stand."""
        expected = None if self.version is None else model.version(self.order_id) + self.version
        return Command(self.order_id, self.action, expected_version=expected, reason=f"{self.action} asked")


@dataclass(frozen=True)
class Claiming:
    """The terms of a claim to be, its id made later."""

    limit: int = 10
    named: tuple[str, ...] | None = None
    lease: float = LEASE_SECONDS
    cap: int = 5
    room: SuspectRoom = AMPLE_ROOM
    take_ended: bool = True

    def terms(self, claim_id: str) -> ClaimTerms:
        """Return the terms."""
        return terms(
            claim_id,
            limit=self.limit,
            lease_seconds=self.lease,
            max_deliveries=self.cap,
            suspects=self.room,
            order_ids=self.named,
            take_ended_leases=self.take_ended,
        )


@dataclass(frozen=True)
class Work:
    """An attempt at one order: how long it takes, what it reports, and what a client asks meanwhile and afterwards."""

    name: str
    action: Action
    seconds: float = 0.0
    delay: float = 0.0
    cancelled: bool = False
    afterwards: Action | None = None


@dataclass(frozen=True)
class Holding:
    """A worker's lease to be renewed: `token` counts from the order's last token."""

    order_id: str
    token: int = 0

    def lease(self, model: Model) -> Lease:
        """Return the lease as things stand."""
        return Lease(self.order_id, model.token(self.order_id) + self.token)


known_ids: SearchStrategy[str] = st.sampled_from(ORDER_IDS)
any_ids: SearchStrategy[str] = st.sampled_from((*ORDER_IDS * 4, UNKNOWN_ID))
# The current token four times out of six: most of what is said of the others is that it changes nothing.
tokens: SearchStrategy[int] = st.sampled_from((0, 0, 0, 0, -1, 1))
versions: SearchStrategy[int | None] = st.sampled_from((None, None, None, None, 0, 0, -1, 1))
delays: SearchStrategy[float] = st.sampled_from((0.0, RETRY_DELAY, 2 * LEASE_SECONDS))

wishes: SearchStrategy[Wish] = st.builds(
    Wish,
    order_id=st.sampled_from((*ORDER_IDS, *MORE_IDS, None, None)),
    content=st.sampled_from(("plain", "plain", "plain", "plain", "items turned", "other attributes", "free")),
    key=st.sampled_from((None, None, None, "key-1", "key-1", "key-2")),
)
reports: SearchStrategy[Report] = st.builds(
    Report, action=st.sampled_from(sorted(REPORTS)), order_id=any_ids, token=tokens, delay=delays
)
asks: SearchStrategy[Ask] = st.builds(Ask, action=st.sampled_from(CLIENT_ACTIONS), order_id=any_ids, version=versions)
holdings: SearchStrategy[Holding] = st.builds(Holding, order_id=any_ids, token=tokens)
rooms: SearchStrategy[SuspectRoom] = st.builds(
    SuspectRoom,
    concurrency=st.sampled_from((1, 8, 16, 64)),
    running=st.sampled_from((0, 0, 0, 1, 2)),
    most_vanished=st.sampled_from((0, 1, 2)),
)
limits: SearchStrategy[int] = st.sampled_from((1, 2, 3, 10, 10, 0))
leases: SearchStrategy[float] = st.sampled_from((LEASE_SECONDS, LEASE_SECONDS, 1.0))
claimings: SearchStrategy[Claiming] = st.builds(
    Claiming,
    limit=limits,
    named=st.none() | st.lists(any_ids, min_size=1, max_size=4).map(tuple),
    lease=leases,
    cap=st.sampled_from((1, 2, 3, 5, 5)),
    room=st.just(AMPLE_ROOM) | rooms,
    take_ended=st.sampled_from((True, True, True, False)),
)
works: SearchStrategy[Work] = st.builds(
    Work,
    name=known_ids,
    action=st.sampled_from((Action.COMPLETE, Action.FAIL, *sorted(REPORTS))),
    seconds=st.sampled_from((0.0, 0.250001, LEASE_SECONDS + 1)),
    delay=delays,
    cancelled=st.sampled_from((False, False, True)),
    afterwards=st.sampled_from((None, Action.REDRIVE, Action.REDRIVE, Action.CANCEL)),
)
forwards: SearchStrategy[float] = st.sampled_from(
    (0.000001, 1.0, RETRY_DELAY, LEASE_SECONDS, LEASE_SECONDS + 1, 3 * LEASE_SECONDS)
)
"""Times around the ends of leases and retries."""
backwards: SearchStrategy[float] = st.sampled_from((0.000001, 1.0, LEASE_SECONDS, 86_400.0))
