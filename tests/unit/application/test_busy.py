"""Orders that somebody else has locked in the database: they wait alone, and nobody else does."""

from __future__ import annotations

import asyncio

import pytest

from order_engine import Order, OrderBusy, OutcomeUnknown, Status
from order_engine.ports.observer import AttemptSuperseded, OrderLocked, Reported, RepositoryUnavailable
from tests.unit.application.bench import Bench, Work, at, first_then, hangs, new_order, order_ids, ready, takes
from tests.unit.application.faults import LosesAnswer


async def test_a_locked_id_waits_alone_and_is_placed_when_it_is_free() -> None:
    """Others are placed at once, before and after; the locked one is placed once, and the engine stays ready."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        bench.repository.locks.begin(["locked"])
        placing = [asyncio.ensure_future(engine.place(new_order(each))) for each in ("a", "locked", "b")]
        await bench.settle()
        assert [each.done() for each in placing] == [True, False, True]
        await bench.advance(2)
        await bench.place(engine, *order_ids(5))
        assert ready(engine)
        assert not placing[1].done()
        bench.repository.locks.end(["locked"])
        assert not (await bench.within(0.5, placing[1])).replayed
        await bench.advance(1)
        assert await bench.story("locked") == ["placed", "claimed", "completed"]
    assert bench.facts.of(RepositoryUnavailable) == []


async def test_a_placing_that_stays_locked_is_answered_in_time() -> None:
    """Within the request's limit it is told that nothing was stored, and nothing is stored afterwards."""
    bench = Bench()
    async with bench.engine(request_seconds=4) as engine:
        bench.repository.locks.begin(["locked"])
        with pytest.raises(OrderBusy, match="'locked' is locked by another database transaction"):
            await bench.within(4, engine.place(new_order("locked")))
        bench.repository.locks.end(["locked"])
        await bench.advance(10)
        assert await bench.store.get(["locked"]) == {}


async def test_a_caller_who_leaves_is_not_placed_when_the_lock_is_gone() -> None:
    """As with any placing whose transaction has not begun."""
    bench = Bench()
    async with bench.engine() as engine:
        bench.repository.locks.begin(["locked"])
        placing = asyncio.ensure_future(engine.place(new_order("locked")))
        await bench.advance(1)
        placing.cancel()
        await bench.settle()
        bench.repository.locks.end(["locked"])
        await bench.advance(2)
        assert await bench.store.get(["locked"]) == {}


async def test_a_lock_that_an_earlier_try_may_hold_leaves_doubt() -> None:
    """Where an earlier try of the same placing was not answered, nobody is told that nothing was stored.

    What it does store later is found under its claim, and worked on.
    """
    bench = Bench()
    bench.repository.plan(LosesAnswer(), "add", 1)
    work = Work()
    async with bench.engine(work) as engine:
        placing = asyncio.ensure_future(engine.place(new_order("order1")))
        await bench.settle()
        bench.repository.locks.begin(["order1"])
        with pytest.raises(OutcomeUnknown):
            await bench.within(1, placing)
        bench.repository.locks.end(["order1"])
        await bench.advance(2)
        assert work.finished == ["order1"]
        assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_no_more_wait_for_locks_than_may() -> None:
    """A tenth of what may wait for its transaction may wait for locks besides; more are told at once."""
    bench = Bench()
    async with bench.engine(max_waiting=20) as engine:
        bench.repository.locks.begin(order_ids(5))
        placing = [asyncio.ensure_future(engine.place(new_order(each))) for each in order_ids(5)]
        await bench.advance(1)
        assert sum(each.done() for each in placing) == 3
        await bench.place(engine, "other")
        bench.repository.locks.end(order_ids(5))
        await bench.advance(1)
        outcomes = await asyncio.gather(*placing, return_exceptions=True)
        assert sum(isinstance(each, OrderBusy) for each in outcomes) == 3


async def test_a_report_on_a_locked_order_is_made_when_it_is_free() -> None:
    """Its neighbours' reports are made at once; it keeps its slot until then, completes once, and did not vanish."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=4) as engine:
        await bench.place(engine, *order_ids(3))
        bench.repository.locks.begin(["order2"])
        await bench.advance(2)
        assert [await bench.status(each) for each in order_ids(3)] == [
            Status.COMPLETED,
            Status.PROCESSING,
            Status.COMPLETED,
        ]
        await bench.place(engine, "a", "b", "c", "d")
        await bench.advance(3)
        assert work.most_at_once == 3
        assert [await bench.status(each) for each in "abcd"] == [Status.COMPLETED] * 4
        bench.repository.locks.end(["order2"])
        await bench.advance(0.3)
        assert await bench.story("order2") == ["placed", "claimed", "completed"]
        assert engine.ready
    assert bench.facts.of(RepositoryUnavailable) == []
    assert [fact.order_id for fact in bench.facts.of(OrderLocked)] == ["order2"]
    reported = [each.order_id for fact in bench.facts.of(Reported) for each in fact.commands]
    assert sorted(reported) == sorted([*order_ids(3), *"abcd"])


async def test_a_lock_for_part_of_a_lease_costs_nobody_its_lease() -> None:
    """Neighbours are renewed in the same round; the locked one is soon after the lock is gone."""
    bench = Bench()
    work, other = Work(takes(bench, 100)), Work()
    async with bench.engine(work) as engine:
        await bench.place(engine, *order_ids(3))
        async with bench.engine(other, repository=bench.connect()):
            await bench.advance(9)
            bench.repository.locks.begin(["order2"])
            await bench.advance(12)
            bench.repository.locks.end(["order2"])
            await bench.advance(85)
    for each in order_ids(3):
        assert await bench.story(each) == ["placed", "claimed", "completed"]
    assert other.started == []


async def test_a_lock_for_longer_than_a_lease_stops_that_processor_alone() -> None:
    """By its own clock it stops before the lease ends; the order is given back when it is free, as no failure.

    Nobody can take it meanwhile, and its neighbours go on.
    """
    bench = Bench()
    stopped_at: list[float] = []

    async def deed(order: Order) -> None:
        try:
            await hangs(order)
        finally:
            stopped_at.append(at(bench))

    work = Work(first_then(deed, only="order2", then=takes(bench, 100)))
    async with bench.engine(work) as engine:
        await bench.place(engine, *order_ids(3))
        bench.repository.locks.begin(["order2"])
        await bench.advance(70)
        assert len(stopped_at) == 1
        assert 20 <= stopped_at[0] < 30
        assert await bench.story("order2") == ["placed", "claimed"]
        assert engine.ready
        bench.repository.locks.end(["order2"])
        await bench.advance(140)
    assert await bench.story("order2") == ["placed", "claimed", "released", "claimed", "completed"]
    for each in ("order1", "order3"):
        assert await bench.story(each) == ["placed", "claimed", "completed"]
    order = await bench.order("order2")
    assert (order.failures, order.vanished, order.attempts) == (0, 0, 1)
    assert bench.facts.of(AttemptSuperseded) == []


async def test_a_cancellation_waits_for_the_lock_and_is_made_once() -> None:
    """The client is answered soon after the order is free."""
    bench = Bench()
    async with bench.engine(None) as engine:
        await bench.place(engine, "order1")
        bench.repository.locks.begin(["order1"])
        cancelling = asyncio.ensure_future(engine.cancel("order1"))
        await bench.advance(3)
        assert not cancelling.done()
        bench.repository.locks.end(["order1"])
        assert (await bench.within(1, cancelling)).status is Status.CANCELLED
        assert await bench.story("order1") == ["placed", "cancelled"]
        assert engine.ready


async def test_an_action_on_an_order_that_stays_locked_is_answered_in_time() -> None:
    """Nothing took effect, and the client may ask again."""
    bench = Bench()
    async with bench.engine(None, request_seconds=3) as engine:
        await bench.place(engine, "order1")
        bench.repository.locks.begin(["order1"])
        with pytest.raises(OrderBusy):
            await bench.within(4, engine.cancel("order1"))
        assert ready(engine)
    assert await bench.story("order1") == ["placed"]


async def test_a_drain_does_not_wait_for_a_lock_without_end() -> None:
    """The engine ends within its limits; the lease of the locked order ends by itself."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 1)), request_seconds=5, grace_seconds=3) as engine:
        await bench.place(engine, *order_ids(2))
        bench.repository.locks.begin(["order1"])
        await bench.advance(2)
        await bench.within(10, engine.drain())
        await bench.end(engine)
    assert await bench.status("order2") is Status.COMPLETED
    assert await bench.story("order1") == ["placed", "claimed"]
