"""Waiting for an order's end: told at once in this process, found by the poll elsewhere, one question for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from order_engine import NotRunning, OrderNotFound, Rejected, Status, WaitTimedOut
from order_engine.domain.commands import Command
from order_engine.ports.repository import Applied
from tests.unit.application.bench import Bench, Work, hangs, order_ids, raises, takes
from tests.unit.application.faults import Fails, FaultyRepository


class Terse(FaultyRepository):
    """A repository that answers reports without their orders."""

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Leave the orders out."""
        return [applied._replace(order=None) for applied in await super().apply(commands)]


async def test_an_order_that_has_ended_is_returned_at_once() -> None:
    """In whichever way it ended."""
    bench = Bench()
    async with bench.engine(Work(raises(Rejected))) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        assert (await bench.now(engine.wait_for("order1"))).status is Status.FAILED


async def test_an_order_that_ends_later_is_returned_then() -> None:
    """Without waiting for a poll, where it ends in this process."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 3)), poll_seconds=1000) as engine:
        await bench.place(engine, "order1")
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await bench.advance(2.9)
        assert not waiting.done()
        await bench.advance(0.2)
        assert waiting.done()
        assert (await waiting).status is Status.COMPLETED


async def test_an_end_is_noticed_although_the_answer_to_its_report_has_no_order() -> None:
    """A repository may leave the order out of its answer to a report: whoever waits still learns of the end at once."""
    bench = Bench()
    terse = Terse(bench.store, bench.clock)
    async with bench.engine(Work(takes(bench, 3)), repository=terse, poll_seconds=1000) as engine:
        await bench.place(engine, "order1")
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await bench.advance(3)
        assert (await bench.now(waiting)).status is Status.COMPLETED


async def test_a_cancellation_is_an_end() -> None:
    """Also where nobody ran the order."""
    bench = Bench()
    async with bench.engine(poll_seconds=1000) as engine:
        await bench.place(engine, "order1")
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await bench.settle()
        await bench.now(engine.cancel("order1"))
        assert (await bench.now(waiting)).status is Status.CANCELLED


async def test_an_unknown_order_is_an_error() -> None:
    """There is nothing to wait for."""
    bench = Bench()
    async with bench.engine() as engine:
        with pytest.raises(OrderNotFound):
            await bench.now(engine.wait_for("nobody"))


async def test_waiting_has_an_end() -> None:
    """WaitTimedOut after the time, not before; the order goes on."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 20))) as engine:
        await bench.place(engine, "order1")
        waiting = asyncio.ensure_future(engine.wait_for("order1", seconds=5))
        await bench.advance(4.9)
        assert not waiting.done()
        await bench.advance(0.2)
        with pytest.raises(WaitTimedOut):
            await waiting
        assert await bench.status("order1") is Status.PROCESSING
        with pytest.raises(WaitTimedOut):
            await bench.now(engine.wait_for("order1", seconds=0))


async def test_an_order_that_ends_in_another_process_is_found_by_the_poll() -> None:
    """Within one poll interval of its end."""
    bench = Bench()
    async with bench.engine() as front, bench.engine(Work(takes(bench, 3)), repository=bench.connect()):
        await bench.place(front, "order1")
        waiting = asyncio.ensure_future(front.wait_for("order1"))
        await bench.advance(2.5)
        assert not waiting.done()
        await bench.advance(2.5)
        assert waiting.done()


async def test_all_who_wait_share_one_question() -> None:
    """Two hundred waiters for a hundred orders are one call per poll, not two hundred."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, *order_ids(100))
        waiting = [asyncio.ensure_future(engine.wait_for(order_id)) for order_id in order_ids(100) * 2]
        await bench.settle()
        before = bench.repository.count("get")
        await bench.advance(10)
        assert bench.repository.count("get") - before == 10
        assert {len(items) for items in bench.repository.items_of("get")[before:]} == {100}
        for waiter in waiting:
            waiter.cancel()
        await bench.settle()
        before = bench.repository.count("get")
        await bench.advance(10)
        assert bench.repository.count("get") == before


async def test_a_waiter_that_is_cancelled_harms_no_other() -> None:
    """The other one for the same order has its answer."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 3))) as engine:
        await bench.place(engine, "order1")
        gone, stays = (asyncio.ensure_future(engine.wait_for("order1")) for _ in range(2))
        await bench.advance(1)
        gone.cancel()
        await bench.advance(3)
        assert gone.cancelled()
        assert stays.done()
        assert (await stays).status is Status.COMPLETED


async def test_waiting_survives_an_outage() -> None:
    """While the repository is away waiters wait on, unknown ids included, and are answered when it is back."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 3))) as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(Fails(), "get")
        known, unknown = (asyncio.ensure_future(engine.wait_for(order_id)) for order_id in ["order1", "nobody"])
        await bench.advance(10)
        assert not known.done()
        assert not unknown.done()
        bench.repository.heal()
        await bench.advance(1)
        assert (await known).status is Status.COMPLETED
        with pytest.raises(OrderNotFound):
            await unknown


async def test_waiting_outside_the_engine_is_refused() -> None:
    """Before the start and after the end there is nobody to wait with."""
    bench = Bench()
    engine = bench.build(Work(hangs))
    with pytest.raises(NotRunning):
        await engine.wait_for("order1")
    async with bench.engine() as ended:
        await bench.place(ended, "order1")
    with pytest.raises(NotRunning):
        await ended.wait_for("order1")
