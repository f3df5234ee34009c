"""Finding out when it is worth looking at the repository."""

from __future__ import annotations

import asyncio

import pytest

from order_engine import InvalidQuery, NotRunning
from order_engine.application.engine import internals_of
from tests.unit.application.bench import Bench


async def test_a_change_in_this_process_is_told_at_once() -> None:
    """Whoever waits learns of each change without time passing; a question changes nothing."""
    bench = Bench()
    async with bench.engine() as engine:
        seen = await engine.changed(0)
        waiting = [asyncio.create_task(engine.changed(seen)) for _ in range(3)]
        await bench.settle()
        await engine.metrics()
        assert not any(each.done() for each in waiting)
        await bench.place(engine, "order1")
        assert len({await bench.now(each) for each in waiting}) == 1


async def test_a_change_before_the_question_is_not_missed() -> None:
    """What changed between a look and the wait after it ends that wait at once."""
    bench = Bench()
    async with bench.engine() as engine:
        seen = await engine.changed(0)
        await bench.place(engine, "order1")
        later = await bench.now(engine.changed(seen))
        assert later > seen


async def test_a_number_of_another_life_is_not_waited_for() -> None:
    """A reader who comes with a number that is not the latest, be it higher, looks at once: it may have missed all."""
    bench = Bench()
    async with bench.engine() as engine:
        latest = await bench.now(engine.changed(0))
        assert await bench.now(engine.changed(latest + 1000)) == latest


async def test_every_poll_counts_as_a_change() -> None:
    """So what happens in other processes is found within the poll interval."""
    bench = Bench()
    async with bench.engine(poll_seconds=3) as engine:
        seen = await engine.changed(0)
        waiting = asyncio.create_task(engine.changed(seen))
        await bench.advance(2.9)
        assert not waiting.done()
        await bench.advance(0.2)
        assert await bench.now(waiting) > seen


async def test_a_drain_and_the_end_wake_everybody() -> None:
    """At the drain to see that no work is taken, when it is over, and at the end with NotRunning, as for the late."""
    bench = Bench()
    async with bench.engine() as engine:
        seen = await engine.changed(0)
        before = internals_of(engine).runtime.runs
        waiting = asyncio.create_task(engine.changed(seen))
        await bench.settle()
        await bench.within(10, engine.drain())
        assert await bench.now(waiting) > seen
        assert (before, internals_of(engine).runtime.runs, internals_of(engine).runtime.is_drained) == (
            True,
            False,
            True,
        )
        seen = await engine.changed(seen)
        waiting = asyncio.create_task(engine.changed(seen))
        await bench.settle()
    for late in (waiting, engine.changed(seen)):
        with pytest.raises(NotRunning):
            await late


async def test_an_engine_without_its_repository_still_takes_work() -> None:
    """Not ready, but not ending either."""
    bench = Bench()
    async with bench.engine() as engine:
        bench.repository.unavailable = True
        await bench.advance(5)
        assert (engine.ready, internals_of(engine).runtime.runs) == (False, True)
        bench.repository.heal()


async def test_many_orders_in_one_question() -> None:
    """Those that exist, by id; more than a page of ids are refused."""
    bench = Bench()
    async with bench.engine(page_limit=2) as engine:
        await bench.place(engine, "order1", "order2")
        assert set(await engine.get_many(["order2", "nobody"])) == {"order2"}
        assert bench.repository.count("get") == 1
        with pytest.raises(InvalidQuery):
            await engine.get_many(["order1", "order2", "nobody"])
