"""Failover under load: the promises hold as far as those of PostgreSQL do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from order_engine import EventType, NewOrder, Order, OrderEngine, OrderEngineError, RetryLater, Status
from order_engine.contracts.samples import placement, terms
from order_engine_adapters import open_engine
from order_engine_adapters.postgres.connection.target import parse
from order_engine_adapters.postgres.driver import open_target
from tests.integration.crash_rounds import fresh_seed
from tests.integration.postgres.failover import Drill, Plan, pair_for
from tests.integration.postgres.pair import running_pair

HOUR: Final = 3600.0
RETRY_SECONDS: Final = 5.0
"""Long enough for a fail-over before."""
IN_TIME_SECONDS: Final = 90.0
"""Against hanging: an hour would be too late."""
LOOK_SECONDS: Final = 0.05

ONE: Final = Plan(orders=120, orders_per_second=40, fail_overs=1, is_synchronous=True, seed=fresh_seed())
"""A short run: one fail-over while the orders come in."""


@pytest.mark.parametrize(
    "plan",
    [
        replace(ONE, hosts=True, freezes=True),
        replace(ONE, clock_behind_seconds=HOUR, synchronous_commit="remote_apply"),
        replace(ONE, is_synchronous=False, missing_seconds=0.5),
        replace(ONE, synchronous_commit="remote_write", is_oldest=True),
    ],
    ids=["list-of-hosts-and-frozen-primary", "one-address-and-clock-behind", "asynchronous", "oldest-version"],
)
async def test_fail_over_under_load(tmp_path: Path, plan: Plan) -> None:
    """Services, clients and a reader go on at the new primary, and every promise is held.

    With a synchronous standby nothing that was acknowledged or told is lost, whatever its clock says, and whatever
    commits wait for there. With an
    asynchronous one exactly those orders are missing that the old primary had and the standby had not; when they are
    placed again, no token is given again. The reader gets each event of the history that goes on once, or an error,
    after which it begins again.
    """
    async with pair_for(plan) as pair:
        drill = Drill(tmp_path, pair, plan)
        findings = await drill.run()
    assert findings.orders == plan.orders + 1
    assert drill.beginnings == 2
    # What waited for a synchronous standby may be lost, and was not acknowledged.
    assert pair.lost or plan.is_synchronous


async def test_what_waits_comes_in_time_at_a_primary_whose_clock_is_behind() -> None:
    """The new primary's clock is an hour behind: a retry, and the order of a process that died, wait no hour longer."""

    async def puts_off(order: Order) -> None:
        if order.attempt == 1:
            raise RetryLater(RETRY_SECONDS)

    async with (
        running_pair(is_synchronous=True) as pair,
        open_engine(pair.url, processor=puts_off, lease_seconds=3) as engine,
    ):
        async with open_target(parse(pair.url)) as died:
            await died.add([placement("left")], terms("claim", lease_seconds=RETRY_SECONDS))
        await engine.place(_order("retried"))
        async with asyncio.timeout(IN_TIME_SECONDS):
            while not await _is_retried(engine, "retried"):  # noqa: ASYNC110 - an order tells nobody that it waits
                await asyncio.sleep(LOOK_SECONDS)
        await pair.fail_over(clock_behind_seconds=HOUR)
        async with asyncio.timeout(IN_TIME_SECONDS):
            for order_id in ("retried", "left"):
                await _wait_completed(engine, order_id)


async def _is_retried(engine: OrderEngine, order_id: str) -> bool:
    return any(event.type is EventType.RETRIED for event in await engine.history(order_id))


async def _wait_completed(engine: OrderEngine, order_id: str) -> None:
    """Wait for an order, whatever errors the repository raises meanwhile."""
    while True:
        try:
            assert (await engine.wait_for(order_id)).status is Status.COMPLETED
        except OrderEngineError:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return


async def test_nothing_is_acknowledged_without_the_standby() -> None:
    """A commit that waits for a synchronous standby in vain is no acknowledgement, however often it is asked for.

    The time limits of a call must not end the wait on the server: it would show what the standby does not have.
    """
    async with running_pair(is_synchronous=True) as pair:
        async with open_engine(pair.primary.url, processor=None) as engine:
            await engine.place(_order("before"))
            pair.standby.pause()
            try:
                for _ in range(2):
                    with pytest.raises(OrderEngineError):
                        await engine.place(_order("meanwhile"))
            finally:
                pair.standby.go_on()
            async with asyncio.timeout(30):
                await _place(engine, "meanwhile")
        await pair.fail_over()
        async with open_engine(pair.primary.url, processor=None) as engine:
            assert set(await engine.get_many(["before", "meanwhile"])) == {"before", "meanwhile"}


async def _place(engine: OrderEngine, order_id: str) -> None:
    """Place an order as soon as the engine takes it."""
    while True:
        try:
            await engine.place(_order(order_id))
        except OrderEngineError:
            await asyncio.sleep(0.1)
        else:
            return


def _order(order_id: str) -> NewOrder:
    return NewOrder(order_id=order_id, user_id="user", item_ids=["item"], total_amount="1.00")
