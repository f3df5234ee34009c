"""The orders and terms that the suites use where the content does not matter."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypedDict, Unpack

from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.suspects import SuspectRoom

LEASE_SECONDS: Final = 30.0
AFTER_THE_LEASE: Final = LEASE_SECONDS + 1
BEFORE_ITS_END: Final = LEASE_SECONDS - 1
RETRY_DELAY: Final = 10.0
WHOLE_HISTORY: Final = 10_000

TRACE_PARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER_TRACE_PARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
"""The examples of W3C Trace Context."""

AMPLE_ROOM: Final = SuspectRoom(concurrency=1_000_000)
"""Room for any suspect, unless it vanished very often."""


class Content(TypedDict, total=False):
    """What may differ from the plain placement."""

    user_id: str
    item_ids: tuple[str, ...]
    total_amount: Decimal
    currency: str | None
    attributes: Attributes | None
    idempotency_key: str | None
    order_id_made: bool
    trace_parent: str | None


class Terms(TypedDict, total=False):
    """What may differ from the plain terms of a claim."""

    limit: int
    lease_seconds: float
    max_deliveries: int
    suspects: SuspectRoom
    order_ids: Sequence[str] | None
    take_ended_leases: bool
    max_bytes: int | None
    after: str | None
    running: Container[tuple[str, int]]


_PLAIN_CONTENT: Final[Content] = {
    "user_id": "user-1",
    "item_ids": ("item-1", "item-2", "item-1"),
    "total_amount": Decimal("50.00"),
    "currency": "GBP",
    "attributes": Attributes('{"gift":true,"note":"ring twice"}'),
}
_PLAIN_TERMS: Final = ClaimTerms(
    claim_id="claim-1", limit=100, lease_seconds=LEASE_SECONDS, max_deliveries=5, suspects=AMPLE_ROOM
)


def placement(order_id: str, **content: Unpack[Content]) -> Placement:
    """Return a valid placement with default content, except for the given fields."""
    whole = _PLAIN_CONTENT | content
    return Placement(
        order_id=order_id,
        user_id=whole["user_id"],
        item_ids=whole["item_ids"],
        total_amount=whole["total_amount"],
        currency=whole["currency"],
        attributes=whole["attributes"],
        idempotency_key=whole.get("idempotency_key"),
        order_id_made=whole.get("order_id_made", False),
        trace_parent=whole.get("trace_parent"),
    )


def terms(claim_id: str, **changes: Unpack[Terms]) -> ClaimTerms:
    """Return the terms of a claim that takes whatever it may."""
    return replace(_PLAIN_TERMS, claim_id=claim_id, **changes)
