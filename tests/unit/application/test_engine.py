"""The engine as one object: its life, what it answers when, and how it ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from order_engine import (
    EngineOptions,
    InvalidCursor,
    InvalidQuery,
    NotRunning,
    OrderEngine,
    OrderNotFound,
    OutcomeUnknown,
    Status,
    Unavailable,
)
from order_engine.ports.repository import Portion
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryQueue, MemoryRepository
from tests.unit.application.bench import Bench, Work, hangs, new_order, order_ids, ready, takes
from tests.unit.application.faults import FaultyRepository, NeverAnswers


async def test_an_engine_that_was_not_started_refuses_everything() -> None:
    """Building it runs nothing; every method says that it has not been started."""
    bench = Bench()
    before = asyncio.all_tasks()
    engine = bench.build(Work())
    assert not ready(engine)
    for call in [
        engine.place(new_order("order1")),
        engine.place_many([]),
        engine.cancel("order1"),
        engine.redrive("order1"),
        engine.get("order1"),
        engine.status("order1"),
        engine.list(),
        engine.history("order1"),
        engine.events(),
        engine.metrics(),
        engine.wait_for("order1"),
        engine.drain(),
    ]:
        with pytest.raises(NotRunning, match="not been started"):
            await call
    assert asyncio.all_tasks() == before


async def test_an_engine_is_started_once() -> None:
    """A second start is refused, while it runs and after its end."""
    bench = Bench()
    async with bench.engine() as engine:
        with pytest.raises(NotRunning):
            await engine.__aenter__()
        assert ready(engine)
    with pytest.raises(NotRunning):
        await engine.__aenter__()


async def test_an_engine_that_has_ended_refuses_everything() -> None:
    """Also questions; `ready` is false."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
    assert not ready(engine)
    for call in [engine.place(new_order("order2")), engine.get("order1"), engine.metrics(), engine.wait_for("order1")]:
        with pytest.raises(NotRunning):
            await call


async def test_an_engine_that_does_nothing_starts_and_ends() -> None:
    """`async with engine: pass` takes no time and leaves no task."""
    bench = Bench()
    before = asyncio.all_tasks()
    async with bench.build(Work()):
        pass
    assert asyncio.all_tasks() == before
    assert bench.clock.monotonic() == 0


async def test_an_engine_is_built_by_hand_from_four_parts() -> None:
    """Observer, random and options have defaults."""
    clock = ManualClock()
    engine = OrderEngine(
        repository=MemoryRepository(clock), queue=MemoryQueue(), clock=clock, processor=lambda order: order
    )
    async with engine:
        assert ready(engine)


async def test_questions_are_answered() -> None:
    """Orders, statuses, histories, lists, events and metrics, each with its error for what is not there."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        for order_id in order_ids(5):
            await bench.advance(1)
            await bench.place(engine, order_id)
        await bench.settle()
        assert (await engine.get("order1")).status is Status.COMPLETED
        assert [event.type for event in await engine.history("order1")] == ["placed", "claimed", "completed"]
        assert [event.type for event in await engine.history("order1", after=1, limit=1)] == ["claimed"]
        assert await engine.history("order1", after=3) == []
        assert len(await engine.history("order1", after=-7, limit=2)) == 2
        with pytest.raises(OrderNotFound):
            await engine.history("nobody")
        with pytest.raises(OrderNotFound):
            await engine.get("nobody")
        with pytest.raises(OrderNotFound):
            await engine.status("nobody")
        page = await engine.list(limit=2)
        assert [order.order_id for order in page] == ["order5", "order4"]
        following = await engine.list(limit=3, cursor=page.next)
        assert [order.order_id for order in following] == ["order3", "order2", "order1"]
        assert following.next is None
        assert len(await engine.list(status=Status.FAILED)) == 0
        assert len(await engine.list(user_id="user1")) == 5
        start = await engine.events(limit=4)
        rest = await engine.events(after=start.next)
        assert len(start.events) + len(rest.events) == 15
        end = await engine.events(limit=0)
        assert (await engine.events(after=end.next)).events == []
        with pytest.raises(InvalidCursor):
            await engine.events(after="foreign")
        assert ready(engine)
        metrics = await engine.metrics()
        assert (metrics.total_orders, metrics.status_counts[Status.COMPLETED]) == (5, 5)


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_limits_of_pages_are_checked(limit: int) -> None:
    """A limit out of range is the caller's error, and no question to the repository."""
    bench = Bench()
    async with bench.engine() as engine:
        asked = len(bench.repository.asked)
        for call in [engine.list(limit=limit), engine.history("order1", limit=limit)]:
            with pytest.raises(InvalidQuery):
                await call
        if limit:
            with pytest.raises(InvalidQuery):
                await engine.events(limit=limit)
        assert len(bench.repository.asked) == asked


@pytest.mark.parametrize("order_id", ["", "\0", "\ud800", "a/b", ".."])
async def test_an_id_that_no_order_can_have_is_not_found(order_id: str) -> None:
    """No store is asked for it, whatever it might make of such a text."""
    bench = Bench()
    async with bench.engine() as engine:
        for call in [
            engine.get(order_id),
            engine.status(order_id),
            engine.history(order_id),
            engine.cancel(order_id),
            engine.redrive(order_id),
            engine.wait_for(order_id),
        ]:
            with pytest.raises(OrderNotFound):
                await call
        with pytest.raises(InvalidQuery, match="user_id"):
            await engine.list(user_id="\ud800")


async def test_whoever_waits_for_the_end_of_an_engine_learns_of_it() -> None:
    """The call returns when the engine has stopped, and a caller that gives up does not stop it."""
    bench = Bench()
    async with bench.engine() as engine:
        impatient = asyncio.create_task(engine.ended())
        patient = asyncio.create_task(engine.ended())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        assert engine.ready
        assert not patient.done()
    await patient


async def test_a_question_has_a_time_limit() -> None:
    """A repository that never answers a question keeps nobody waiting for longer than `request_seconds`."""
    bench = Bench()
    async with bench.engine(request_seconds=10) as engine:
        await bench.place(engine, "order1")
        for operation in ["get", "list", "history", "events", "statistics"]:
            bench.repository.plan(NeverAnswers(), operation)
        questions: list[Callable[[], object]] = [
            partial(engine.get, "order1"),
            engine.list,
            partial(engine.history, "order1"),
            engine.events,
            engine.metrics,
        ]
        for question in questions:
            task: asyncio.Task[object] = asyncio.ensure_future(_as_object(question()))
            await bench.advance(12)
            assert task.done()
            assert task.exception() is not None
        bench.repository.heal()
        await bench.advance(13)
        assert ready(engine)


async def test_nobody_who_asked_is_left_without_an_answer_when_the_engine_ends() -> None:
    """A call under way in a repository that hangs ends with the engine, which has nobody left to watch its time."""
    bench = Bench()
    async with bench.engine(request_seconds=10) as engine:
        await bench.place(engine, "order1")
        for operation in ["get", "list", "apply"]:
            bench.repository.plan(NeverAnswers(), operation)
        calls: list[asyncio.Task[object]] = [
            asyncio.ensure_future(_as_object(call))
            for call in [engine.get("order1"), engine.list(), engine.cancel("order1"), engine.redrive("order1")]
        ]
        await bench.advance(1)
        assert not any(call.done() for call in calls)
    await bench.advance(12)
    assert all(call.done() for call in calls)
    # Only the cancellation may have taken effect; the others asked, or had not begun to act.
    assert [type(call.exception()) for call in calls] == [Unavailable, Unavailable, OutcomeUnknown, Unavailable]
    assert all(call.cancelling() == 0 for call in calls)


async def test_a_question_that_is_cancelled_stays_cancelled() -> None:
    """The caller's own cancellation is not taken for a fault of the repository."""
    bench = Bench()
    async with bench.engine() as engine:
        bench.repository.plan(NeverAnswers(), "get")
        asking = asyncio.ensure_future(engine.get("order1"))
        await bench.advance(1)
        asking.cancel()
        await bench.settle()
        assert asking.cancelled()
        assert ready(engine)


async def test_an_engine_that_dies_of_its_own_error_says_so() -> None:
    """If a task of the engine breaks, all of it ends, nobody waits for ever, and `async with` raises the error.

    Processors are cancelled too, since nobody renews their leases any more.
    """
    bench, work = Bench(), Work(hangs)

    class Absurd(FaultyRepository):
        """Answers a question with something that is no portion."""

        async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
            """Answer nonsense."""
            return [order_ids, max_bytes]  # type: ignore[return-value] # that is the point

    engine = bench.build(work, repository=Absurd(bench.store, bench.clock), grace_seconds=1)
    await engine.__aenter__()
    await bench.place(engine, "order1")
    with pytest.raises(NotRunning):
        await bench.now(engine.wait_for("order1"))
    assert not ready(engine)
    await bench.settle()
    assert work.running == []
    with pytest.raises(NotRunning, match="internal error"):
        await engine.place(new_order("order2"))
    with pytest.raises(BaseExceptionGroup):
        await bench.end(engine)


async def test_nothing_is_said_about_errors_that_nobody_fetched() -> None:
    """After placings, waits and drains that failed or were cancelled, the loop's handler has heard nothing."""
    bench = Bench()
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    async with bench.engine(Work(takes(bench, 2)), max_waiting=20, batch_orders=5) as engine:
        bench.repository.unavailable = True
        placings = [asyncio.ensure_future(engine.place(new_order(order_id))) for order_id in order_ids(5)]
        many = asyncio.ensure_future(engine.place_many([new_order(order_id) for order_id in order_ids(50, "many")]))
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await asyncio.sleep(0)
        many.cancel()
        placings[0].cancel()
        await bench.advance(3)
        waiting.cancel()
        await asyncio.gather(*placings, many, waiting, return_exceptions=True)
        bench.repository.unavailable = False
        await bench.advance(1.1)
        await bench.place(engine, "order1")
    del placings, many, waiting, engine
    gc.collect()
    await asyncio.sleep(0)
    assert said == []


async def test_two_engines_do_not_share_anything_but_the_repository() -> None:
    """Engines in one process are as independent as two processes: one ends, the other goes on."""
    bench = Bench()
    first_work, second_work = Work(), Work()
    async with bench.engine(second_work, repository=bench.connect()) as second:
        async with bench.engine(first_work) as first:
            await bench.place(first, "order1")
            await bench.place(second, "order2")
        await bench.place(second, "order3")
        await bench.settle()
        assert await bench.statuses() == {Status.COMPLETED}
    assert len(first_work.started) + len(second_work.started) == 3


async def test_options_are_checked_before_anything_runs() -> None:
    """The default options are those of EngineOptions."""
    bench = Bench()
    async with bench.engine() as engine:
        assert len(await engine.list(limit=EngineOptions().page_limit)) == 0


async def _as_object(question: object) -> object:
    assert asyncio.iscoroutine(question)
    return await question
