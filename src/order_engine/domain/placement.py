"""What a placing makes, and when two are the same: by content, by order id, and by idempotency key (promise P4)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from order_engine.domain.commands import Placement
from order_engine.domain.content.attributes import canonical_json
from order_engine.domain.order import Order, OrderContent, new_order

LONG_CHARACTERS = 16 * 1024


class Verdict(Enum):
    """What a repository has to do with a placement."""

    NEW = auto()
    """Store it."""
    REPLAY = auto()
    """Give the first answer; where the key is new, bind it."""
    CONFLICT = auto()
    """The id is taken by other content."""
    KEY_REUSED = auto()
    """The key was used with other content."""


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """What an idempotency key stands for: the order that it made or met, and the content it came with."""

    order_id: str
    order_id_made: bool
    fingerprint: bytes


def first_version(placement: Placement, at: datetime) -> Order:
    """Return the order that a placement makes at a time."""
    content: OrderContent = {
        "order_id": placement.order_id,
        "user_id": placement.user_id,
        "item_ids": placement.item_ids,
        "total_amount": placement.total_amount,
        "currency": placement.currency,
        "attributes": placement.attributes,
        "trace_parent": placement.trace_parent,
        "created_at": at,
        "updated_at": at,
    }
    return new_order(content)


def fingerprint(content: Order | Placement) -> bytes:
    """Return a digest that is equal exactly for the same content: SHA-256 over a canonical text.

    Equal values are the same content: 50 and "50.00", 1 and 1.0 in the attributes; the order of items counts, that of
    keys does not. The order id is what the content is kept under, and no part of it.
    """
    canonical = [
        content.user_id,
        list(content.item_ids),
        canonical_json(content.total_amount),
        content.currency,
        None if content.attributes is None else content.attributes.canonical(),
    ]
    return hashlib.sha256(json.dumps(canonical).encode()).digest()


def same_content(order: Order, placement: Placement) -> bool:
    """Whether the two carry the same content: what `fingerprint` says, without the digests."""
    return (
        order.user_id == placement.user_id
        and order.item_ids == placement.item_ids
        and order.total_amount == placement.total_amount
        and order.currency == placement.currency
        and order.attributes == placement.attributes
    )


def binding(placement: Placement) -> KeyBinding:
    """Return what the placement's idempotency key will stand for."""
    return KeyBinding(placement.order_id, placement.order_id_made, fingerprint(placement))


def takes_long(placement: Placement) -> bool:
    """Whether to judge or bind the placement may take some milliseconds: up to 40 for 256 KiB (CPython 3.11).

    A repository that does it in the event loop gives others a turn between two of these.
    """
    return placement.attributes is not None and len(placement.attributes.text) > LONG_CHARACTERS


def judge(placement: Placement, existing: Order | None, bound: KeyBinding | None) -> Verdict:
    """Decide on a placement, given the order under its id and the binding of its key, where there are any.

    An id that the engine made is no part of the content: the key alone tells such a placement from another.
    """
    conflict = existing is not None and not same_content(existing, placement)
    if bound is not None:
        if _same_request(placement, bound):
            return Verdict.REPLAY
        return Verdict.CONFLICT if conflict else Verdict.KEY_REUSED
    if existing is None:
        return Verdict.NEW
    return Verdict.CONFLICT if conflict else Verdict.REPLAY


def _same_request(placement: Placement, bound: KeyBinding) -> bool:
    if placement.order_id_made != bound.order_id_made:
        return False
    same_id = placement.order_id_made or placement.order_id == bound.order_id
    return same_id and fingerprint(placement) == bound.fingerprint
