"""Draining: readiness first, no new claims, time for running work, the rest released, nothing left behind (P9)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from order_engine import ActionRefused, NotRunning, Order, Rejected, Status
from order_engine.application.engine import internals_of
from order_engine.domain.commands import Placement
from order_engine.domain.content.validation import validate
from order_engine.ports.observer import ProcessorStuck
from tests.unit.application.bench import (
    TURNS,
    Bench,
    Work,
    at,
    first_then,
    hangs,
    new_order,
    order_ids,
    raises,
    ready,
    takes,
)
from tests.unit.application.faults import IsSlow, LosesAnswer, NeverAnswers


async def test_readiness_fails_first_and_new_work_is_refused() -> None:
    """From the moment of `drain` the engine is not ready and refuses placings; questions are answered."""
    bench = Bench()
    work = Work(takes(bench, 5))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        assert ready(engine)
        draining = asyncio.ensure_future(engine.drain())
        await asyncio.sleep(0)
        assert not ready(engine)
        for refused in [engine.place(new_order("order2")), engine.place_many([])]:
            with pytest.raises(NotRunning):
                await refused
        assert await engine.status("order1") is Status.PROCESSING
        assert (await engine.metrics()).total_orders == 1
        await bench.advance(6)
        assert draining.done()
        assert await engine.status("order1") is Status.COMPLETED
        assert not ready(engine)


async def test_orders_are_cancelled_while_draining() -> None:
    """One that waits is Cancelled at once; one that runs here is told to stop at once, and is Cancelled as it ends."""
    bench = Bench()
    work = Work(hangs)
    async with bench.engine(work, concurrency=1, grace_seconds=20) as engine:
        await bench.place(engine, "order1", "order2")
        draining = asyncio.ensure_future(engine.drain())
        await bench.settle()
        assert (await bench.now(engine.cancel("order2"))).status is Status.CANCELLED
        assert (await bench.now(engine.cancel("order1"))).cancel_requested
        await bench.settle()
        assert await bench.status("order1") is Status.CANCELLED
        assert draining.done()
    assert work.cancelled == ["order1"]


async def test_failed_orders_are_redriven_while_draining() -> None:
    """The order is Pending again, is not claimed here, and another process has it at once."""
    bench = Bench()
    work = Work(first_then(raises(Rejected), takes(bench, 5), only="order1"))
    async with bench.engine(work, concurrency=2) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        await bench.place(engine, "order2")
        draining = asyncio.ensure_future(engine.drain())
        await bench.settle()
        order = await bench.now(engine.redrive("order1"))
        assert (order.status, order.round) == (Status.PENDING, 2)
        await bench.advance(2)
        assert await bench.status("order1") is Status.PENDING
        async with bench.engine(Work(), repository=bench.connect()):
            await bench.advance(1.5)
            assert await bench.status("order1") is Status.COMPLETED
        await bench.advance(5)
        assert draining.done()
    assert work.started_ids == ["order1", "order2"]


async def test_a_drained_engine_reads_and_acts_until_it_stops() -> None:
    """Between the end of the drain and that of `async with` too, as its last requests need; afterwards not."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1", "order2")
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        before = internals_of(engine).runtime.is_drained
        await bench.now(engine.drain())
        assert (before, internals_of(engine).runtime.is_drained) == (False, True)
        assert (await bench.now(engine.cancel("order1"))).status is Status.CANCELLED
        assert (await bench.now(waiting)).status is Status.CANCELLED
        with pytest.raises(ActionRefused):
            await engine.redrive("order1")
    for refused in [engine.cancel("order2"), engine.redrive("order2")]:
        with pytest.raises(NotRunning):
            await refused


async def test_an_end_during_the_drain_is_heard_by_those_who_wait() -> None:
    """`wait_for` goes on meanwhile, also one that begins only then."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 5))) as engine:
        await bench.place(engine, "order1")
        draining = asyncio.ensure_future(engine.drain())
        await bench.advance(1)
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await bench.advance(5)
        assert (await bench.now(waiting)).status is Status.COMPLETED
        assert draining.done()


async def test_running_work_gets_its_grace_time() -> None:
    """What ends within the grace time ends in peace, and `drain` returns as soon as the last of it has."""
    bench = Bench()
    work = Work(takes(bench, 15))
    async with bench.engine(work, grace_seconds=20) as engine:
        await bench.place(engine, "order1")
        started = at(bench)
        await bench.within(30, engine.drain())
        assert at(bench) - started < 16
        assert await bench.story("order1") == ["placed", "claimed", "completed"]
    assert work.cancelled == []


async def test_no_new_claims_while_draining() -> None:
    """Orders that wait are left to other processes, although slots come free during the grace time."""
    bench = Bench()
    work = Work(takes(bench, 5))
    async with bench.engine(work, concurrency=1) as engine:
        await bench.place(engine, "order1", "order2")
        draining = asyncio.ensure_future(engine.drain())
        await bench.advance(30)
        assert draining.done()
        assert await bench.status("order1") is Status.COMPLETED
        assert await bench.story("order2") == ["placed"]
    assert work.started_ids == ["order1"]


async def test_what_is_left_after_the_grace_time_is_released_at_once() -> None:
    """It is stopped and released rather than left to its lease, at no cost to the order: the next engine has it now."""
    bench = Bench()
    work = Work(hangs)
    async with bench.engine(work, grace_seconds=20) as engine:
        await bench.place(engine, "order1")
        started = at(bench)
        await bench.within(25, engine.drain())
        assert 20 <= at(bench) - started <= 21
        assert await bench.story("order1") == ["placed", "claimed", "released"]
        order = await bench.order("order1")
        assert (order.failures, order.vanished, order.attempts) == (0, 0, 0)
        async with bench.engine(Work(), repository=bench.connect()):
            await bench.advance(1.5)
            assert await bench.status("order1") is Status.COMPLETED
    assert work.cancelled == ["order1"]


async def test_a_stubborn_processor_is_given_up_at_the_end_of_a_drain() -> None:
    """One that does not stop within a moment is released all the same, and does not keep the engine from ending."""
    bench, freed = Bench(), asyncio.Event()
    work = Work(bench.stubborn(freed))
    async with bench.engine(work, grace_seconds=10) as engine:
        await bench.place(engine, "order1", "order2")
        await bench.within(15, engine.drain())
        assert await bench.story("order1") == await bench.story("order2") == ["placed", "claimed", "released"]
        assert len(bench.facts.of(ProcessorStuck)) == 2
    freed.set()
    await bench.settle()
    assert await bench.story("order1") == ["placed", "claimed", "released"]


async def test_a_hanging_thread_does_not_keep_the_engine_from_ending() -> None:
    """The engine leaves without the thread, the order is released, and no task of the engine is left."""
    bench, gate = Bench(), threading.Event()
    before = asyncio.all_tasks()
    async with bench.engine(lambda _: gate.wait(30), grace_seconds=5) as engine:
        await bench.place(engine, "order1")
    await bench.settle()
    assert await bench.story("order1") == ["placed", "claimed", "released"]
    assert asyncio.all_tasks() == before
    gate.set()


async def test_drain_may_be_called_any_number_of_times() -> None:
    """One after the other and all at once: each call returns when the engine is drained, and it drains once."""
    bench = Bench()
    work = Work(takes(bench, 5))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        calls = [asyncio.ensure_future(engine.drain()) for _ in range(3)]
        await bench.advance(4)
        assert not any(call.done() for call in calls)
        await bench.advance(2)
        assert all(call.done() for call in calls)
        await bench.now(engine.drain())
    await engine.drain()


async def test_a_caller_of_drain_that_is_cancelled_does_not_stop_it() -> None:
    """The drain goes on for everybody else."""
    bench = Bench()
    work = Work(takes(bench, 5))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        gone, stays = asyncio.ensure_future(engine.drain()), asyncio.ensure_future(engine.drain())
        await bench.advance(1)
        gone.cancel()
        await bench.advance(5)
        assert gone.cancelled()
        assert stays.done()
        await stays
        assert await bench.status("order1") is Status.COMPLETED


async def test_a_caller_of_drain_is_not_cancelled_with_the_engine() -> None:
    """Where the exit gives the drain up, others who wait for it hear so: nobody cancelled *them*."""
    bench = Bench()
    engine = bench.build(Work(hangs))
    await engine.__aenter__()
    await bench.place(engine, "order1")
    waiting = asyncio.ensure_future(engine.drain())
    await bench.advance(1)
    await bench.kill(engine)
    assert waiting.done()
    for call in [waiting, engine.drain()]:
        with pytest.raises(NotRunning, match="stopped"):
            await call


async def test_placings_under_way_are_finished() -> None:
    """Whoever was let in before the drain gets the answer to a placing that was made; the order is kept."""
    bench = Bench()
    bench.repository.plan(IsSlow(2), "add")
    async with bench.engine() as engine:
        placings = [asyncio.ensure_future(engine.place(new_order(order_id))) for order_id in order_ids(3)]
        await bench.settle()
        draining = asyncio.ensure_future(engine.drain())
        await bench.advance(1)
        assert not draining.done()
        await bench.advance(10)
        assert draining.done()
        assert [(await placing).order.order_id for placing in placings] == order_ids(3)
        assert len(await bench.store.get(order_ids(3))) == 3


async def test_a_drain_does_not_wait_for_ever_for_a_repository_that_never_answers() -> None:
    """With placings, a claim and reports stuck in a repository that hangs, a shutdown still has an end."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=5, max_waiting=1000, batch_orders=4) as engine:
        await bench.place(engine, "order1", "order2")
        for operation in ["add", "claim", "renew", "apply"]:
            bench.repository.plan(NeverAnswers(), operation)
        placings = [asyncio.ensure_future(engine.place(new_order(order_id))) for order_id in order_ids(40, "more")]
        await bench.advance(3)
        await bench.within(10 + 20 + 1 + 10 + 2, engine.drain())
    assert all(placing.done() for placing in placings)
    assert not [placing for placing in placings if placing.exception() is None]


async def test_an_outage_during_the_drain_does_not_lose_what_was_done() -> None:
    """A report that could not be made during the grace time is made as soon as the repository is back."""
    bench = Bench()
    work = Work(takes(bench, 5))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        bench.repository.unavailable = True
        draining = asyncio.ensure_future(engine.drain())
        await bench.advance(15)
        assert not draining.done()
        bench.repository.unavailable = False
        await bench.advance(2)
        assert draining.done()
        assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_an_order_that_arrives_after_the_drain_is_released_not_run() -> None:
    """A claim whose answer comes when the engine is drained already brings orders that nobody shall work on here."""
    bench = Bench()
    work = Work()
    async with bench.engine(work, concurrency=5, grace_seconds=5) as engine:
        await bench.store.add(*_placements("late"))
        bench.repository.plan(LosesAnswer(), "claim")
        await bench.advance(2)
        assert (await bench.story("late"))[-1] == "claimed"
        await bench.within(60, engine.drain())
        bench.repository.heal()
        await bench.advance(3)
        assert work.started == []
        assert await bench.story("late") == ["placed", "claimed", "released"]


async def test_an_order_that_arrives_during_the_grace_time_has_the_rest_of_it() -> None:
    """A claim that is under way when the drain begins brings work like any other, and the drain waits for it."""
    bench = Bench()
    work = Work(takes(bench, 3))
    await bench.store.add(*_placements("late"))
    bench.repository.plan(IsSlow(2), "claim", 1)
    async with bench.engine(work, grace_seconds=20) as engine:
        await bench.advance(1.5)
        await bench.within(30, engine.drain())
        assert await bench.story("late") == ["placed", "claimed", "completed"]


async def test_a_drain_waits_for_what_was_reported_for_a_processor_that_was_given_up() -> None:
    """Also where that processor ends before its report is heard."""
    bench, freed = Bench(), asyncio.Event()
    async with bench.engine(Work(bench.stubborn(freed)), attempt_seconds=3, stop_seconds=2) as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(IsSlow(4), "apply")
        while not bench.facts.of(ProcessorStuck):
            await bench.advance(0.25)
        draining = asyncio.ensure_future(engine.drain())
        await bench.advance(1)
        freed.set()
        await bench.within(30, draining)
        assert await bench.story("order1") == ["placed", "claimed", "retried"]
        bench.repository.heal()


async def test_released_orders_are_rung_for() -> None:
    """A released order does not wait for the next poll of whoever is free to take it."""
    bench = Bench()
    work, other = Work(hangs), Work()
    async with bench.engine(work, concurrency=1, grace_seconds=5) as engine:
        await bench.place(engine, "order1")
        async with bench.engine(other, repository=bench.connect(), poll_seconds=1000):
            await bench.within(10, engine.drain())
            await bench.settle()
            assert other.started_ids == ["order1"]


async def test_no_task_is_left_behind() -> None:
    """After `async with` the loop has the tasks that it had before, whatever the engine was doing."""
    bench = Bench()
    before = asyncio.all_tasks()
    work = Work(first_then(hangs))
    async with bench.engine(work, concurrency=3, grace_seconds=2) as engine:
        await bench.place(engine, *order_ids(10))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.wait_for("order1"), 0)
        await bench.advance(5)
    assert asyncio.all_tasks() == before


async def test_a_killed_engine_leaves_no_task_either() -> None:
    """An exit that is itself cancelled gives up the drain, and ends every task all the same."""
    bench = Bench()
    before = asyncio.all_tasks()
    engine = bench.build(Work(hangs), concurrency=3)
    await engine.__aenter__()
    await bench.place(engine, *order_ids(10))
    await bench.kill(engine)
    await bench.settle()
    assert asyncio.all_tasks() == before
    assert (await bench.story("order1"))[-1] == "claimed"


@pytest.mark.parametrize("turns", range(12))
async def test_an_exit_that_is_cancelled_twice_leaves_no_task(turns: int) -> None:
    """Whenever a second cancellation comes, the loops of the engine end."""
    bench = Bench()
    before = asyncio.all_tasks()
    engine = bench.build(Work(hangs), concurrency=3)
    await engine.__aenter__()
    await bench.place(engine, *order_ids(3))
    leaving = asyncio.ensure_future(engine.__aexit__(None, None, None))
    await asyncio.sleep(0)
    leaving.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert leaving.done()
    assert asyncio.all_tasks() - {leaving} == before


async def test_a_body_that_raises_is_drained_and_its_error_goes_on() -> None:
    """`async with` hands on the error of its body, and has drained by then."""
    bench = Bench()
    engine = bench.build(Work(takes(bench, 3)))

    async def body() -> None:
        async with engine:
            await engine.place(new_order("order1"))
            message = "the body's own"
            raise LookupError(message)

    with pytest.raises(LookupError, match="the body's own"):
        await bench.within(10, body())
    assert await bench.status("order1") is Status.COMPLETED


async def test_who_waits_for_an_order_is_told_when_the_engine_ends() -> None:
    """Nobody waits on for an order that ends in another process, after this engine is gone."""
    bench = Bench()
    async with bench.engine(Work(hangs), grace_seconds=1) as engine:
        await bench.place(engine, "order1")
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await bench.settle()
    with pytest.raises(NotRunning):
        await bench.now(waiting)


async def test_a_processor_may_finish_in_the_moment_after_the_grace_time() -> None:
    """One that ends by itself while it is being stopped has completed, and is not released."""
    bench = Bench()

    async def deed(order: Order) -> None:
        try:
            await hangs(order)
        except asyncio.CancelledError:
            await bench.clock.sleep(0.5)

    async with bench.engine(deed, grace_seconds=5) as engine:
        await bench.place(engine, "order1")
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


def _placements(*ids: str) -> tuple[list[Placement]]:
    return ([validate(new_order(order_id), "") for order_id in ids],)
