"""What the domain's tests share: hypothesis strategies, small builders, and lives of orders to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from order_engine.domain.commands import REPORTS, Action, ClaimTerms, Command, Lease, Placement, Renewal
from order_engine.domain.content.attributes import Attributes, JsonInput, encode_attributes
from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine.domain.content.money import parse_amount
from order_engine.domain.content.text import order_id_problem
from order_engine.domain.decisions import Decision, Refusal, RefusalReason, Transition, decide
from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom

Request = Placement | ClaimTerms | Renewal | Command

usual = settings(deadline=None)
"""Slow machines are no failure."""
thorough = settings(deadline=None, max_examples=120)
"""For the properties that the promises rest on."""

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LEASE_SECONDS = 30.0

ROOM = SuspectRoom(concurrency=1000)
"""A process that runs no suspects."""
NO_ROOM = SuspectRoom(concurrency=1000, running=1000, most_vanished=9)
"""A process that takes no suspect."""

PLACEMENT = Placement(order_id="order1", user_id="user1", item_ids=("item1", "item2"), total_amount=Decimal("50.00"))
OTHER_CONTENT = PLACEMENT._replace(total_amount=Decimal("50.01"))
TRACE_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER_TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


LONGEST_LABEL = 40


def label(value: object) -> str:
    """Name a parameter in a test's id, however large it is."""
    if isinstance(value, int) and value.bit_length() > LONGEST_LABEL:
        return f"integer of {value.bit_length()} bits"
    return ascii(value)[:LONGEST_LABEL]


# Content

LONGEST: Final = DEFAULT_LIMITS.identifier_characters
identifier_text = st.text(
    st.characters(categories=("L", "M", "N", "P", "S"), include_characters=" "), min_size=1, max_size=20
)
short_identifiers = identifier_text.map(lambda text: text.strip(" ")).filter(bool)
longest_identifiers = short_identifiers.map(lambda text: (text * LONGEST)[:LONGEST].strip(" "))
"""As long as may be, in any script: made of a short one, which shrinks well."""
identifiers = short_identifiers | longest_identifiers
order_ids = identifiers.filter(lambda text: order_id_problem(text, LONGEST) is None)
amounts = st.integers(0, 10**21).map(lambda millionths: parse_amount(Decimal(f"{millionths}E-6"), DEFAULT_LIMITS))

ANY_BUT_SURROGATES: Final = ("L", "M", "N", "P", "S", "Z", "Cc", "Cf", "Co", "Cn")
json_text = st.text(st.characters(categories=ANY_BUT_SURROGATES, exclude_characters="\0"), max_size=8)
json_numbers: SearchStrategy[JsonInput] = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
)
json_scalars: SearchStrategy[JsonInput] = st.one_of(st.none(), st.booleans(), json_numbers, json_text)


def _nest(inner: SearchStrategy[JsonInput]) -> SearchStrategy[JsonInput]:
    return st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(json_text, inner)
    )


json_values: SearchStrategy[JsonInput] = st.recursive(json_scalars, _nest, max_leaves=12)
json_objects: SearchStrategy[dict[str, JsonInput]] = st.dictionaries(json_text, json_values, max_size=5)


def attributes_of(value: dict[str, JsonInput] | None) -> Attributes | None:
    """Return the attributes of an object within the default limits."""
    return encode_attributes(value, DEFAULT_LIMITS)


def same_value(left: object, right: object) -> bool:
    """Whether two values are the same JSON: an independent reading of "equal values"."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_value(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same_value, left, right))
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and left == right
    if isinstance(left, int | float | Decimal) and isinstance(right, int | float | Decimal):
        return as_written(left) == as_written(right)
    return False


def as_written(number: float | Decimal) -> Decimal:
    """Return the number that the JSON text says: a float is what its shortest text says."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


trace_parents = st.sampled_from((None, TRACE_PARENT, OTHER_TRACE_PARENT))

placements: SearchStrategy[Placement] = st.builds(
    Placement,
    order_id=order_ids,
    user_id=identifiers,
    item_ids=st.lists(identifiers, max_size=5).map(tuple),
    total_amount=amounts,
    currency=st.sampled_from((None, "GBP", "JPY")),
    attributes=st.none() | json_objects.map(attributes_of),
    trace_parent=trace_parents,
)

_SIMILAR_ATTRIBUTES: tuple[dict[str, JsonInput] | None, ...] = (
    None,
    {},
    {"a": 1},
    {"a": Decimal("1.0")},
    {"a": True},
    {"a": "1"},
)

similar_placements: SearchStrategy[Placement] = st.builds(
    Placement,
    order_id=st.sampled_from(("order1", "order2")),
    user_id=st.sampled_from(("user1", "User1")),
    item_ids=st.sampled_from(((), ("a",), ("a", "b"), ("b", "a"), ("a", "a"), ("ab",))),
    total_amount=st.sampled_from(("50", "50.0", "5e1", "50.00", "0.001")).map(
        lambda text: parse_amount(text, DEFAULT_LIMITS)
    ),
    currency=st.sampled_from((None, "GBP")),
    attributes=st.sampled_from(_SIMILAR_ATTRIBUTES).map(attributes_of),
    trace_parent=trace_parents,
)
"""Placements that differ in little, so that two of them often carry the same content."""


# Requests


def terms(  # noqa: PLR0913 - each is a term of its own
    claim_id: str = "claim1",
    *,
    lease_seconds: float = LEASE_SECONDS,
    max_deliveries: int = 10,
    suspects: SuspectRoom = ROOM,
    take_ended_leases: bool = True,
    limit: int = 1,
) -> ClaimTerms:
    """Return the terms of a claim, ordinary ones unless told otherwise."""
    return ClaimTerms(
        claim_id=claim_id,
        limit=limit,
        lease_seconds=lease_seconds,
        max_deliveries=max_deliveries,
        suspects=suspects,
        take_ended_leases=take_ended_leases,
    )


def after(seconds: float) -> datetime:
    """Return the time so many seconds after the start."""
    return START + timedelta(seconds=seconds)


def must(decision: Decision) -> Order:
    """Return the order that a decision led to, which must not be a refusal."""
    assert isinstance(decision, Transition), decision
    return decision.order


def refused(decision: Decision) -> RefusalReason:
    """Return the reason of a decision, which must be a refusal."""
    assert isinstance(decision, Refusal), decision
    return decision.reason


def placed(placement: Placement = PLACEMENT, at: datetime = START) -> Order:
    """Return a new order."""
    return must(decide(None, placement, at))


def claimed(order: Order, at: datetime = START, claim_terms: ClaimTerms | None = None) -> Order:
    """Return the order after a claim."""
    return must(decide(order, claim_terms or terms(), at))


def told_by(  # noqa: PLR0913 - an action and its circumstances
    order: Order,
    action: Action,
    at: datetime = START,
    *,
    delay: float = 0.0,
    reason: str | None = None,
    expected_version: int | None = None,
) -> Order:
    """Return the order after a report under its present token, or after a client's action."""
    token = order.token if action in REPORTS else None
    command = Command(order.order_id, action, token, expected_version, delay, reason)
    return must(decide(order, command, at))


# Lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is tried next, in words that fit any order: under its present token or an older one, for example."""

    action: Action
    seconds: float
    """What the clock says has passed since the last step; negative where the clock was set back."""
    superseded: bool
    """Under an older token; for a claim: asked under the same claim id again; for a place: with other content."""
    expected: int | None
    """How far the version that a client expects is from the present one."""
    delay: float
    reason: str | None
    lease_seconds: float
    max_deliveries: int
    suspects: SuspectRoom

    def request(self, placement: Placement, order: Order, serial: int) -> Request:
        """Return the request that this step makes of `order`."""
        if self.action is Action.PLACE:
            return placement._replace(user_id=placement.user_id + "2") if self.superseded else placement
        if self.action is Action.CLAIM:
            return terms(
                order.claim_id if self.superseded and order.claim_id else f"claim{serial}",
                lease_seconds=self.lease_seconds,
                max_deliveries=self.max_deliveries,
                suspects=self.suspects,
            )
        token = order.token - self.superseded
        if self.action is Action.RENEW:
            return Renewal(Lease(order.order_id, token), self.lease_seconds)
        if self.action in REPORTS:
            return Command(order.order_id, self.action, token, delay=self.delay, reason=self.reason)
        expected = None if self.expected is None else order.version + self.expected
        return Command(order.order_id, self.action, expected_version=expected, reason=self.reason)


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: what was asked of which order and when, and what came of it."""

    before: Order | None
    request: Request
    now: datetime
    decision: Decision

    @property
    def after(self) -> Order | None:
        """The order as it stands after the step."""
        return self.decision.order if isinstance(self.decision, Transition) else self.before

    @property
    def event(self) -> Event | None:
        """What the history tells of the step."""
        return self.decision.event if isinstance(self.decision, Transition) else None


@dataclass(frozen=True, slots=True)
class Life:
    """The life of one order, step by step; the first step is its placing."""

    placement: Placement
    steps: Sequence[Taken]

    @property
    def order(self) -> Order:
        """The order as it stands in the end."""
        order = self.steps[-1].after
        assert order is not None
        return order

    @property
    def events(self) -> list[Event]:
        """The whole history."""
        return [step.event for step in self.steps if step.event is not None]


def live(placement: Placement, steps: Iterable[Step]) -> Life:
    """Place an order, try every step on it, and return what happened."""
    now = START
    taken = [Taken(None, placement, now, decide(None, placement, now))]
    for serial, step in enumerate(steps):
        order = taken[-1].after
        assert order is not None
        now += timedelta(seconds=step.seconds)
        request = step.request(placement, order, serial)
        taken.append(Taken(order, request, now, decide(order, request, now)))
    return Life(placement, taken)


_mostly_claims = (
    (Action.CLAIM,) * 6 + tuple(Action) + (Action.REDRIVE, Action.FAIL, Action.RETRY, Action.RETRY, Action.COMPLETE)
)
_seldom = st.sampled_from((False, False, False, False, True))

# "vanished" is the domain's own word for an attempt that was never reported, and is no reason that people give.
reasons = st.none() | st.sampled_from(("broken", "", "timed out"))

steps: SearchStrategy[Step] = st.builds(
    Step,
    action=st.sampled_from(_mostly_claims),
    seconds=st.sampled_from((0.0, 0.000001, 1.0, LEASE_SECONDS, 100.0, 3600.0, -1.0, -3600.0)),
    superseded=_seldom,
    expected=st.sampled_from((None, None, 0, -1)),
    delay=st.sampled_from((0.0, 0.5, 60.0)),
    reason=reasons,
    lease_seconds=st.sampled_from((LEASE_SECONDS, 0.0, 900.0)),
    max_deliveries=st.sampled_from((1, 2, 10)),
    suspects=st.sampled_from((ROOM, ROOM, ROOM, NO_ROOM)),
)
lives: SearchStrategy[Life] = st.builds(live, placements, st.lists(steps, max_size=20))
