"""What one call of `add` stores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, binding, takes_long


@dataclass(slots=True)
class InsertBatch:
    """What a call stores: the content of new orders, which of them are leased at once, and keys."""

    contents: Sequence[tuple[Placement | Order, bool]] = ()
    keys: dict[str, KeyBinding] = field(default_factory=dict)


async def all_new(placements: Sequence[Placement], hold: ClaimTerms | None) -> InsertBatch | None:
    """Return what has to be stored if everything is new; None where one item meets another one of the same call."""
    keys = [placement.idempotency_key for placement in placements if placement.idempotency_key is not None]
    ids = {placement.order_id for placement in placements}
    if len(ids) < len(placements) or len(set(keys)) < len(keys):
        return None
    room = 0 if hold is None else hold.limit
    batch = InsertBatch([(placement, place < room) for place, placement in enumerate(placements)])
    for placement in placements:
        if placement.idempotency_key is not None:
            batch.keys[placement.idempotency_key] = binding(placement)
            if takes_long(placement):
                await asyncio.sleep(0)
    return batch
