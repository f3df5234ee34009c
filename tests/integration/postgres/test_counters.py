"""The counters are exact, whatever writes concurrently, and can be rebuilt."""

from __future__ import annotations

import asyncio
import sys

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import Unavailable
from order_engine.domain.metrics import Statistics, fold_statistics
from order_engine.domain.order import Status
from order_engine_adapters.postgres import pending_migrations, rebuild_counters
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.schema.migrations import shipped
from tests.integration.postgres.support import complete, execute, new_schema, server_url
from tests.integration.service import clean_environment

SPOIL = "UPDATE {schema}.counters SET completed = completed + 7 WHERE slot = (SELECT min(slot) FROM {schema}.counters)"
SLOW = """
CREATE OR REPLACE FUNCTION {schema}.microseconds_between(started timestamptz, ended timestamptz) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(2); RETURN 0; END'
"""


def _url(target: Target) -> str:
    return f"{server_url()}?schema={target.schema}"


async def _statistics(target: Target) -> Statistics:
    async with open_target(target) as repository:
        return await repository.statistics()


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
    """A rebuild confirms correct counters and repairs wrong ones."""
    target = await new_schema()
    exact = await _some_orders(target)
    assert list(exact.status_counts.values()) == [3, 1, 4, 1, 1]
    assert await rebuild_counters(_url(target)) == (exact, exact)
    await execute(target, SPOIL)
    spoilt = await _statistics(target)
    assert (spoilt.total_orders, spoilt.status_counts[Status.COMPLETED]) == (10, 11)
    assert await rebuild_counters(_url(target)) == (spoilt, exact)
    assert await _statistics(target) == exact


async def test_counters_that_are_gone_are_made_anew() -> None:
    """Also where no slot is left at all, and where there is no order."""
    target = await new_schema()
    nothing = await _statistics(target)
    assert await rebuild_counters(_url(target)) == (nothing, nothing)
    exact = await _some_orders(target)
    await execute(target, "TRUNCATE {schema}.counters")
    assert await rebuild_counters(_url(target)) == (nothing, exact)
    assert await _statistics(target) == exact


async def test_writers_meanwhile_lose_nothing() -> None:
    """Orders are placed and completed while the counters are rebuilt repeatedly, and no call waits."""
    target = await new_schema()
    await _some_orders(target)
    await execute(target, SPOIL)
    ended = asyncio.Event()

    async def write(place: int) -> None:
        async with open_target(target) as repository:
            for number in range(60):
                names = [f"{place}-{number}-{index}" for index in range(5)]
                await repository.add([placement(name) for name in names], terms(f"{place}-{number}", limit=3))
                held = (await repository.claim(terms(f"{place}-{number}-due", limit=2))).orders
                await repository.apply(list(map(complete, held)))

    async def count_anew() -> int:
        corrections = 0
        while not ended.is_set():
            before, now = await rebuild_counters(_url(target))
            corrections += before != now
        return corrections

    async with asyncio.TaskGroup() as group:
        counting = [group.create_task(count_anew()) for _ in range(2)]
        async with asyncio.TaskGroup() as writers:
            for place in range(3):
                writers.create_task(write(place))
        ended.set()
    assert sum(task.result() for task in counting) == 1
    async with open_target(target) as repository:
        history = (await repository.events(None, 1_000_000)).events
        exact = fold_statistics(sorted(history, key=lambda event: event.version))
        assert exact.total_orders == 910
        assert await repository.statistics() == exact


async def test_two_who_count_at_once_correct_once() -> None:
    """The second one compares what the first has corrected, however long counting takes."""
    target = await new_schema()
    async with open_target(target) as repository:
        await repository.add([placement("order")], terms("claim"))
        await repository.apply([complete(order) for order in (await repository.get(["order"])).values()])
    await execute(target, SPOIL)
    await execute(target, SLOW)
    found = await asyncio.gather(*(rebuild_counters(_url(target)) for _ in range(2)))
    assert sorted(before.status_counts[Status.COMPLETED] for before, _ in found) == [1, 8]
    assert (await _statistics(target)).status_counts[Status.COMPLETED] == 1


async def test_an_open_transaction_does_not_hold_counting_up() -> None:
    """An uncommitted placement of a host neither waits for a rebuild nor blocks it."""
    target = await new_schema()
    exact = await _some_orders(target)
    connection = await connect(target)
    try:
        async with open_target(target) as repository, connection.transaction():
            await repository.add([placement("of-the-host")], connection=connection)
            async with asyncio.timeout(20):
                assert await rebuild_counters(_url(target)) == (exact, exact)
    finally:
        await connection.close()
    assert (await _statistics(target)).total_orders == exact.total_orders + 1


async def test_counting_that_takes_too_long_changes_nothing() -> None:
    """The limit is the caller's; past it the counters are as they were."""
    target = await new_schema()
    await _some_orders(target)
    await execute(target, SPOIL)
    spoilt = await _statistics(target)
    await execute(target, SLOW)
    with pytest.raises(Unavailable, match="cancelled a statement that took too long"):
        await rebuild_counters(_url(target), seconds=0.2)
    assert await _statistics(target) == spoilt


async def test_a_schema_that_is_not_there_is_not_made() -> None:
    """A misspelt name is an error with the remedy."""
    url = f"{server_url()}?schema=misspelt"
    with pytest.raises(Unavailable, match="order-engine migrate"):
        await rebuild_counters(url)
    assert await pending_migrations(url) == shipped()


async def test_the_command_counts_anew() -> None:
    """`order-engine metrics rebuild` prints the corrections, and none the second time."""
    target = await new_schema()
    await _some_orders(target)
    await execute(target, SPOIL)
    for expected in ("COUNTER    BEFORE  NOW\nCompleted      11    4\n", "The counters were correct: 10 orders.\n"):
        command = [
            sys.executable,
            "-m",
            "order_engine_adapters.cli",
            "metrics",
            "rebuild",
            "--database-url",
            _url(target),
        ]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env=clean_environment()
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        assert (process.returncode, output.decode()) == (0, expected)


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
