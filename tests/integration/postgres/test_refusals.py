"""An item that PostgreSQL cannot keep fails alone."""

from __future__ import annotations

import random

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command, Lease, Placement
from order_engine.domain.decisions import RefusalReason
from order_engine.ports.repository import AddOutcome, OrderQuery, Renewed
from tests.integration.postgres.support import new_repository

LONG = "".join(random.Random(1).choices("0123456789abcdefghijklmnopqrstuvwxyz", k=20_000))  # noqa: S311 - tests repeat
"""Longer than an entry of an index may be, and not to be compressed below that."""


@pytest.mark.parametrize(
    "bad",
    [
        placement("a\0b"),
        placement("a\ud800b"),
        placement("bad", user_id="a\0b"),
        placement("bad", item_ids=("a\udc00",)),
        placement(LONG),
        placement("bad", user_id=LONG),
        placement("bad", idempotency_key=LONG),
    ],
    ids=["NUL", "surrogate", "user", "item", "long id", "long user", "long key"],
)
async def test_item_that_cannot_be_kept(bad: Placement) -> None:
    """It is REFUSED with a reason; the others of its batch are stored, and born claimed up to the limit."""
    async with new_repository() as repository:
        wanted = [placement("order-1"), bad, placement("order-2"), placement("order-3")]
        outcomes = await repository.add(wanted, terms("claim-1", limit=2))
        added, refused = AddOutcome.ADDED, AddOutcome.REFUSED
        assert [each.outcome for each in outcomes] == [added, refused, added, added]
        assert outcomes[1].reason
        assert [each.order.leased for each in outcomes if each.order is not None] == [True, True, False]
        assert (await repository.statistics()).total_orders == 3


async def test_ids_that_nothing_can_have_are_unknown() -> None:
    """Asking for an id with a NUL or half a surrogate pair finds nothing, and is no error."""
    async with new_repository() as repository:
        await repository.add([placement("order-1")])
        for name in ("a\0b", "\ud800"):
            assert await repository.get([name]) == {}
            assert await repository.history(name, 0, 10) == []
            assert await repository.renew([Lease(name, 1)], 1) == [Renewed.LOST]
            assert (await repository.apply([Command(name, Action.CANCEL)]))[0].refusal is RefusalReason.UNKNOWN
            assert (await repository.apply([Command(name, Action.COMPLETE, token=1)]))[0].order is None
            assert not (await repository.claim(terms("claim-1", order_ids=[name]))).orders
            assert not (await repository.list(OrderQuery(limit=1, user_id=name))).orders


async def test_numbers_beyond_the_columns() -> None:
    """Tokens, versions and limits larger than the columns are just not met."""
    async with new_repository() as repository:
        await repository.add([placement("order-1")], terms("claim-1"))
        huge = 1 << 80
        assert await repository.renew([Lease("order-1", huge)], 1) == [Renewed.LOST]
        (applied,) = await repository.apply([Command("order-1", Action.COMPLETE, token=huge)])
        assert applied.refusal is RefusalReason.LOST
        assert await repository.history("order-1", huge, huge) == []
        assert len((await repository.events(None, huge)).events) == 2
        assert len((await repository.list(OrderQuery(limit=huge))).orders) == 1
        await repository.claim(terms("claim-2", limit=huge, max_deliveries=huge))
