"""The counters are exact, whoever writes, and can be counted anew."""

from __future__ import annotations

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Status
from order_engine_adapters.postgres import rebuild_counters
from order_engine_adapters.postgres.connecting import Target
from order_engine_adapters.postgres.opening import open_target
from tests.integration.postgres.support import complete, execute, new_schema, server_url


async def _some_orders(target: Target) -> Statistics:
    """Leave orders in all statuses."""
    async with open_target(target) as repository:
        await repository.add([placement(f"order-{number}") for number in range(10)])
        held = (await repository.claim(terms("claim-1", limit=6))).orders
        failed = [Command(order.order_id, Action.FAIL, token=order.token, reason="no") for order in held[4:5]]
        cancelled = Command("order-9", Action.CANCEL)
        await repository.apply([*map(complete, held[:4]), *failed, cancelled])
        return await repository.statistics()


async def test_counted_anew_they_are_the_same() -> None:
    """Counting anew gives what was counted along the way, and mends what somebody has spoilt."""
    target = await new_schema()
    exact = await _some_orders(target)
    assert list(exact.status_counts.values()) == [3, 1, 4, 1, 1]
    url = f"{server_url()}?schema={target.schema}"
    assert await rebuild_counters(url) == exact
    await execute(target, "UPDATE {schema}.counters SET completed = completed + 7")
    assert await rebuild_counters(url) == exact


async def test_rows_changed_by_hand_are_counted() -> None:
    """The counters follow the orders, also where an operator changes them by SQL."""
    target = await new_schema()
    before = await _some_orders(target)
    await execute(
        target, "UPDATE {schema}.orders SET status = 'Cancelled', ended_at = updated_at WHERE status = 'Pending'"
    )
    async with open_target(target) as repository:
        after = await repository.statistics()
    assert after.status_counts[Status.PENDING] == 0
    assert after.status_counts[Status.CANCELLED] == before.status_counts[Status.CANCELLED] + 3
