"""The demonstration lets its time pass on the clock, and does nothing else."""

from __future__ import annotations

import asyncio

import pytest

from order_engine import NewOrder, Order, Status
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from order_engine_adapters import open_engine
from order_engine_adapters.clocks import ManualClock, SystemClock
from order_engine_adapters.demonstration import Demonstration


async def test_an_order_takes_the_seconds_of_the_clock() -> None:
    """Two seconds by default, to the moment."""
    clock = ManualClock()
    work = asyncio.ensure_future(Demonstration(clock)(_any_order()))
    await clock.advance(1.9)
    assert not work.done()
    await clock.advance(0.2)
    assert work.done()


async def test_an_engine_takes_it_for_a_coroutine_function() -> None:
    """It takes no thread, so that a thousand orders wait at once."""
    demonstration = Demonstration(SystemClock(), 0)
    assert is_coroutine_processor(demonstration)
    async with open_engine("memory://", processor=demonstration) as engine:
        await engine.place(NewOrder(order_id="order1", user_id="user1", item_ids=["item1"], total_amount="1"))
        assert (await engine.wait_for("order1", seconds=20)).status is Status.COMPLETED


@pytest.mark.parametrize("seconds", [-1, 86_401, float("nan"), float("inf")])
def test_seconds_out_of_range_are_an_error(seconds: float) -> None:
    """A day at most."""
    with pytest.raises(ValueError, match="86400"):
        Demonstration(SystemClock(), seconds)


def _any_order() -> Order:
    return object.__new__(Order)
