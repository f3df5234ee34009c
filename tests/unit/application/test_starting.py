"""Starting attempts: how many begin at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from order_engine import EngineOptions, Order, OrderEngine, Rejected, Status
from order_engine.application.worker.starter import LONGEST_TURN_SECONDS
from order_engine.ports.observer import AttemptFailed
from tests.unit.application.bench import Bench, Work, new_order, order_ids, takes


def test_a_plain_function_gets_few_threads_unless_more_are_asked_for() -> None:
    """32 that compute keep the event loop waiting for a second at most; 1,000 kept it for 25."""
    assert EngineOptions().threads == 32


class Greedy:
    """A processor whose first step takes a while, in which the event loop does nothing else."""

    def __init__(self, bench: Bench, seconds: float) -> None:
        """Take so long."""
        self._bench = bench
        self.seconds = seconds
        self._in_turn = 0
        self.most_in_a_turn = 0
        self.finished = 0

    async def __call__(self, _order: Order) -> None:
        """Work."""
        self._in_turn += 1
        self.most_in_a_turn = max(self.most_in_a_turn, self._in_turn)
        self._bench.block(self.seconds)
        asyncio.get_running_loop().call_soon(self._end_of_turn)
        await asyncio.sleep(0)
        self.finished += 1

    def _end_of_turn(self) -> None:
        self._in_turn = 0


async def place_at_once(bench: Bench, engine: OrderEngine, orders: Sequence[str]) -> None:
    """Place orders in one turn of the event loop, so that their attempts are to begin in one."""
    await bench.within(60, asyncio.gather(*(engine.place(new_order(order_id)) for order_id in orders)))


async def test_few_attempts_begin_in_a_turn_that_takes_long() -> None:
    """300 of 20 ms each would keep the loop for 6 s: three begin in each turn, and others have theirs."""
    bench = Bench()
    work = Greedy(bench, LONGEST_TURN_SECONDS * 0.4)
    async with bench.engine(work, lease_seconds=600) as engine:
        await place_at_once(bench, engine, order_ids(300))
        await bench.advance(60)
    assert work.finished == 300
    assert work.most_in_a_turn == 3


async def test_few_attempts_begin_beside_others_that_came_in_the_same_turn() -> None:
    """Orders that are placed bit by bit begin in turns that follow one another, none of which is without an end."""
    bench = Bench()
    work = Greedy(bench, LONGEST_TURN_SECONDS * 0.4)
    async with bench.engine(work, lease_seconds=600) as engine:
        await bench.within(60, engine.place_many([new_order(order_id) for order_id in order_ids(300)]))
        await bench.advance(60)
    assert work.finished == 300
    assert work.most_in_a_turn <= 2 * 3


async def test_the_wait_for_a_turn_is_no_part_of_an_attempt() -> None:
    """20 of 50 ms each wait for a second together: each took its own 50 ms, by which its time limit judges it."""
    bench = Bench()

    async def deed(_: Order) -> None:
        bench.block(LONGEST_TURN_SECONDS)
        raise Rejected

    async with bench.engine(deed) as engine:
        await bench.within(60, engine.place_many([new_order(order_id) for order_id in order_ids(20)]))
        await bench.advance(5)
    took = [fact.seconds for fact in bench.facts.of(AttemptFailed)]
    assert took == pytest.approx([LONGEST_TURN_SECONDS] * 20)


async def test_work_that_turns_slow_at_once_keeps_no_turn_for_long() -> None:
    """What was quick a thousand times says nothing of the next."""
    bench = Bench()
    work = Greedy(bench, 0)
    async with bench.engine(work, lease_seconds=600) as engine:
        await place_at_once(bench, engine, order_ids(900))
        await bench.settle()
        work.seconds, work.most_in_a_turn = 2 * LONGEST_TURN_SECONDS, 0
        await place_at_once(bench, engine, order_ids(100, "slow"))
        await bench.advance(60)
    assert work.finished == 1000
    assert work.most_in_a_turn == 1


async def test_many_attempts_begin_in_a_turn_that_is_quick() -> None:
    """A whole batch begins in one turn where its steps are short, whatever else the loop has to do."""
    bench = Bench()
    work = Greedy(bench, 0)
    async with bench.engine(work) as engine:
        await place_at_once(bench, engine, order_ids(900))
        await bench.settle()
        assert work.finished == 900
    assert work.most_in_a_turn >= EngineOptions().batch_orders


async def test_attempts_that_wait_for_their_turn_are_released_at_a_drain() -> None:
    """They are not begun any more when the grace time is over, and none is lost."""
    bench = Bench()
    work = Work(takes(bench, 1000))

    async def deed(order: Order) -> None:
        bench.block(LONGEST_TURN_SECONDS)
        await work(order)

    async with bench.engine(deed, grace_seconds=0, stop_seconds=0) as engine:
        await bench.within(1, engine.place_many([new_order(order_id) for order_id in order_ids(400)]))
        await bench.within(60, engine.drain())
        assert (await bench.store.statistics()).status_counts[Status.PROCESSING] == 400
    for order_id in order_ids(400):
        assert (await bench.story(order_id))[-1] in {"released", "placed"}


async def test_a_cancel_reaches_an_attempt_that_has_not_begun() -> None:
    """An attempt that waits for its turn is claimed: it never begins, and its order is Cancelled."""
    bench = Bench()
    cancelled: list[Order] = []

    async def deed(order: Order) -> None:
        bench.block(LONGEST_TURN_SECONDS / 100)
        if order.order_id == "order1":
            cancelled.append(await engine.cancel("order300"))

    work = Work(deed)
    async with bench.engine(work) as engine:
        await place_at_once(bench, engine, order_ids(300))
        await bench.advance(1)
    assert [order.status for order in cancelled] == [Status.PROCESSING]
    assert await bench.status("order300") is Status.CANCELLED
    assert "order300" not in work.started_ids
    assert len(work.started) == 299
