"""Several repositories at once on one database, as several processes have them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.contracts.trial import add_eventually
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.events import EventType
from order_engine.domain.metrics import fold_statistics
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import AddOutcome
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.support import complete, execute, new_schema, take


@asynccontextmanager
async def _several(number: int) -> AsyncIterator[tuple[Target, Sequence[PostgresRepository]]]:
    target = await new_schema(pool=3)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_target(target)) for _ in range(number)]
        yield target, opened


async def _check_counters(repository: PostgresRepository) -> None:
    """Check that the statistics are the fold of the whole history."""
    history = (await repository.events(None, 1_000_000)).events
    assert await repository.statistics() == fold_statistics(sorted(history, key=lambda event: event.version))


async def test_same_ids_placed_at_once() -> None:
    """Of writers that place the same ids at once exactly one adds each; the others are answered with that order."""
    async with _several(4) as (_, repositories):
        for number in range(15):
            names = [f"order-{number}-{index}" for index in range(8)]
            turned = [placement(name) for name in reversed(names)]
            straight = [placement(name) for name in names]
            answers = await asyncio.gather(
                *(add_eventually(each, straight if place % 2 else turned) for place, each in enumerate(repositories))
            )
            outcomes = Counter(added.outcome for answer in answers for added in answer)
            assert outcomes == {AddOutcome.ADDED: 8, AddOutcome.REPLAYED: 24}
            assert all(added.order is not None for answer in answers for added in answer)
        await _check_counters(repositories[0])


async def test_same_keys_used_at_once() -> None:
    """Of writers that use the same keys at once, with ids that the engine made, exactly one makes each order."""
    async with _several(4) as (_, repositories):
        for number in range(15):
            answers = await asyncio.gather(
                *(
                    add_eventually(
                        each,
                        [
                            placement(
                                f"made-{number}-{place}-{index}",
                                order_id_made=True,
                                idempotency_key=f"{number}-{index}",
                            )
                            for index in range(5)
                        ],
                    )
                    for place, each in enumerate(repositories)
                )
            )
            for same in zip(*answers, strict=True):
                assert sorted(added.outcome for added in same) == [AddOutcome.ADDED] + [AddOutcome.REPLAYED] * 3
                assert len({added.order.order_id for added in same if added.order is not None}) == 1
        assert (await repositories[0].statistics()).total_orders == 75


async def test_crossing_batches_all_succeed() -> None:
    """Batches that touch the same orders in opposite orders end without an error, whatever they do.

    What one of them has locked is busy for the others, and done when they ask again.
    """
    async with _several(3) as (_, repositories):
        names = [f"order-{index:02}" for index in range(20)]
        await repositories[0].add([placement(name) for name in names])
        for number in range(10):
            held = await take(repositories[0], *names, claim_id=f"claim-{number}")
            if number < 9:
                reports = [complete(order)._replace(action="retry", reason="again") for order in held]  # type: ignore[arg-type]
            else:
                reports = [complete(order) for order in held]
            answers = await asyncio.gather(
                *(each.apply(reports if place % 2 else reports[::-1]) for place, each in enumerate(repositories))
            )
            assert {applied.refusal for answer in answers for applied in answer} <= {None, RefusalReason.BUSY}
            assert {applied.refusal for applied in await repositories[0].apply(reports)} == {None}
        await _check_counters(repositories[0])


async def test_claims_share_nothing() -> None:
    """However many claim at once, every order is handed out once."""
    async with _several(4) as (_, repositories):
        names = [f"order-{index}" for index in range(400)]
        await repositories[0].add([placement(name) for name in names])
        claimed: list[Order] = []

        async def claim(place: int, repository: PostgresRepository) -> None:
            for number in range(60):
                orders = (await repository.claim(terms(f"claim-{place}-{number}", limit=7))).orders
                claimed.extend(orders)
                await repository.apply([complete(order) for order in orders])

        await asyncio.gather(*(claim(place, each) for place, each in enumerate(repositories)))
        assert sorted(order.order_id for order in claimed) == sorted(names)
        assert (await repositories[0].statistics()).status_counts[Status.COMPLETED] == 400
        await _check_counters(repositories[0])


async def test_same_claim_asked_at_once() -> None:
    """A claim that is asked a second time while the first is under way answers with the same orders."""
    async with _several(2) as (_, repositories):
        await repositories[0].add([placement(f"order-{index}") for index in range(200)])
        for number in range(20):
            same = terms(f"claim-{number}", limit=5)
            answers = await asyncio.gather(*(each.claim(same) for each in [*repositories, *repositories]))
            names = [sorted(order.order_id for order in answer.orders) for answer in answers]
            assert names == [names[0]] * 4
            assert len(names[0]) == 5


async def test_superseded_attempt_is_refused() -> None:
    """A worker whose lease ended and whose order was taken by another is refused; the other's report counts (P2)."""
    async with _several(2) as (_, (first, second)):
        await first.add([placement("order-1")])
        (stale,) = (await first.claim(terms("claim-1", lease_seconds=0.01))).orders
        await asyncio.sleep(0.05)
        (current,) = (await second.claim(terms("claim-2"))).orders
        assert current.token == stale.token + 1
        (refused,), (applied,) = await asyncio.gather(first.apply([complete(stale)]), second.apply([complete(current)]))
        assert (refused.refusal, applied.refusal) == (RefusalReason.LOST, None)
        events = await first.history("order-1", 0, 100)
        assert [event.type for event in events].count(EventType.COMPLETED) == 1
        assert events[-1].token == current.token


async def test_open_transaction_holds_nobody_up() -> None:
    """While a host's transaction that placed an order stays open, others place, claim and complete (counters)."""
    async with _several(2) as (target, (first, second)):
        await first.add([placement("order-0")])
        connection = await connect(target)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await first.add([placement("of-the-host")], connection=connection)
            async with asyncio.timeout(3):
                await second.add([placement("order-1")], terms("claim-1"))
                claimed = await second.claim(terms("claim-2"))
                await second.apply([complete(order) for order in claimed.orders])
            assert (await first.statistics()).total_orders == 2
            await transaction.commit()
        finally:
            await connection.close()
        await _check_counters(first)
        assert (await first.statistics()).total_orders == 3
        slots = await execute(target, "SELECT count(*) FROM {schema}.counters")
        assert slots[0][0] <= 3


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read", "serializable"])
async def test_host_transaction_of_any_isolation(isolation: str) -> None:
    """A host may place an order at any isolation level, also after others have changed the counters meanwhile."""
    async with _several(1) as (target, (repository,)):
        await repository.add([placement("order-0")])
        connection = await connect(target)
        try:
            async with connection.transaction(isolation=isolation):  # type: ignore[arg-type]
                await connection.fetchval("SELECT 1")
                await repository.add([placement("order-1")])
                (added,) = await repository.add([placement("of-the-host")], connection=connection)
                assert added.outcome is AddOutcome.ADDED
        finally:
            await connection.close()
        await _check_counters(repository)
        assert (await repository.statistics()).total_orders == 3
