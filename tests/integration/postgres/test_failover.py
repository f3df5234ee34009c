"""A primary dies under load, and its standby takes its place: the promises hold, as far as PostgreSQL's own do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from order_engine import NewOrder, OrderEngine, OrderEngineError
from order_engine_adapters import open_engine
from tests.integration.crash_rounds import fresh_seed
from tests.integration.postgres.failover import Drill, Plan
from tests.integration.postgres.pair import running_pair

HOUR: Final = 3600.0


ONE: Final = Plan(orders=120, orders_per_second=40, fail_overs=1, is_synchronous=True, seed=fresh_seed())
"""A short run: one fail-over while the orders come in."""


@pytest.mark.parametrize(
    "plan",
    [
        replace(ONE, hosts=True, freezes=True),
        replace(ONE, clock_behind_seconds=HOUR),
        replace(ONE, is_synchronous=False, missing_seconds=0.5),
    ],
    ids=["list-of-hosts-and-frozen-primary", "one-address-and-clock-behind", "asynchronous"],
)
async def test_fail_over_under_load(tmp_path: Path, plan: Plan) -> None:
    """Services, clients and a reader go on at the new primary, and every promise is held.

    With a synchronous standby nothing that was acknowledged or told is lost, whatever its clock says. With an
    asynchronous one exactly those orders are missing that the old primary had and the standby had not; when they are
    placed again, no token is given again. The reader gets each event of the history that goes on once, or an error,
    after which it begins again.
    """
    async with running_pair(is_synchronous=plan.is_synchronous, hosts=plan.hosts) as pair:
        drill = Drill(tmp_path, pair, plan)
        findings = await drill.run()
    assert findings.orders == plan.orders + 1
    assert drill.beginnings == 2
    # What waited for a synchronous standby may be lost, and was not acknowledged.
    assert pair.lost or plan.is_synchronous


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
