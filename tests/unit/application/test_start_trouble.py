"""What is done where attempts cannot be started."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from order_engine import Order, OrderEngine, Status
from order_engine.application.log.observer import LogObserver
from order_engine.application.worker.start_failures import MAX_PAUSE_SECONDS
from order_engine.ports.observer import AttemptsNotStarted, AttemptStartsRecovered
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Work, new_order, order_ids, ready, takes
from tests.unit.application.test_worker import completed, status_is, threads_catch_up

NO_THREAD = RuntimeError("can't start new thread")


def plain(_order: Order) -> None:
    """Work."""


class NoThreads:
    """Keeps threads from being started."""

    def __init__(self, patch: pytest.MonkeyPatch, error: Exception = NO_THREAD, most: int = 0) -> None:
        """Let there be `most` threads, until `present` is over."""
        self.error = error
        self.most = most
        self.present = True
        self.started = 0
        self.refused = 0
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if self.present and self.started >= self.most:
                self.refused += 1
                raise self.error
            self.started += 1
            start(thread)

        patch.setattr(threading.Thread, "start", refuse)


@pytest.mark.parametrize(
    "error", [NO_THREAD, MemoryError(), OSError(24, "Too many open files")], ids=lambda error: type(error).__name__
)
async def test_an_order_that_got_no_thread_is_released_and_tried_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not charged with it: no failure, no attempt; it is Completed when there are threads again."""
    bench, lack = Bench(), NoThreads(monkeypatch, error)
    async with bench.engine(plain, max_attempts=1, max_deliveries=1) as engine:
        await bench.place(engine, "order1")
        await bench.advance(60)
        order = await bench.order("order1")
        assert (order.status, order.failures, order.attempts) == (Status.PROCESSING, 0, 0)
        assert set(await bench.story("order1")) == {"placed", "claimed", "released"}
        lack.present = False
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.COMPLETED))
    order = await bench.order("order1")
    assert (order.failures, order.attempts, order.vanished) == (0, 1, 0)


async def test_a_process_that_cannot_start_attempts_is_not_ready_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is ready again when an attempt could be started."""
    bench, lack = Bench(), NoThreads(monkeypatch)
    async with bench.engine(plain) as engine:
        assert ready(engine)
        await bench.place(engine, *order_ids(50))
        for _ in range(60):
            await bench.advance(1)
            assert not ready(engine)
        assert len(bench.facts.of(AttemptsNotStarted)) == 1
        assert bench.facts.of(AttemptStartsRecovered) == []
        lack.present = False
        await threads_catch_up(bench, lambda: completed(bench, 50))
        assert ready(engine)
        assert len(bench.facts.of(AttemptStartsRecovered)) == 1


async def test_claims_are_not_repeated_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try adds to the order's history: within ten minutes it makes no more of them than pauses of 5 s allow."""
    bench, lack = Bench(), NoThreads(monkeypatch)
    async with bench.engine(plain) as engine:
        await bench.place(engine, *order_ids(40))
        await bench.advance(600)
        assert lack.refused <= 32 + 600 / (MAX_PAUSE_SECONDS / 2)
        lack.present = False
        await threads_catch_up(bench, lambda: completed(bench, 40))


async def test_the_threads_that_there_are_do_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 3 threads can be had of 8, they work on; what is tried beyond them is little."""
    bench, lack = Bench(), NoThreads(monkeypatch, most=3)
    async with bench.engine(plain, threads=8) as engine:
        await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(40)]))
        await threads_catch_up(bench, lambda: completed(bench, 40))
    assert lack.started <= 3
    counts = (await bench.check_books()).status_counts
    assert counts[Status.COMPLETED] == 40


async def releases(bench: Bench) -> int:
    """Return how often an order was released."""
    return sum(event.type == "released" for event in (await bench.store.events(None, 10_000)).events)


def limit_of(engine: OrderEngine) -> int:
    """Return how many orders may be worked on at once."""
    assert engine.in_flight is not None
    return engine.in_flight.limit


async def test_a_lasting_shortage_is_settled_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 3 threads can be had of 8, three orders are worked on at once.

    The process is ready throughout and says so once; no order is claimed in vain after the first eight.
    """
    bench, lack, gate = Bench(), NoThreads(monkeypatch, most=3), threading.Event()
    async with bench.engine(lambda _: gate.wait(20), threads=8, attempt_seconds=0) as engine:
        await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(40)]))
        for _ in range(600):
            await bench.advance(0.1)
            assert ready(engine)
            assert limit_of(engine) == 3
        gate.set()
        await threads_catch_up(bench, lambda: completed(bench, 40))
        assert ready(engine)
        assert await releases(bench) == 5
    assert [fact.at_once for fact in bench.facts.of(AttemptsNotStarted)] == [3]
    assert bench.facts.of(AttemptStartsRecovered) == []
    assert lack.started == 3
    assert lack.refused <= 5 + 60 / (MAX_PAUSE_SECONDS / 2) + 5


async def test_more_is_tried_now_and_then_without_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are more threads they are used, as many as there are, and no order pays for finding out."""
    bench, lack, gate = Bench(), NoThreads(monkeypatch, most=3), threading.Event()
    async with bench.engine(lambda _: gate.wait(20), threads=8, attempt_seconds=0) as engine:
        await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(40)]))
        await bench.advance(60)
        lack.most = 6
        await bench.advance(4 * MAX_PAUSE_SECONDS)
        assert limit_of(engine) == 6
        assert bench.facts.of(AttemptStartsRecovered) == []
        lack.present = False
        await bench.advance(4 * MAX_PAUSE_SECONDS)
        assert limit_of(engine) == 8
        assert len(bench.facts.of(AttemptStartsRecovered)) == 1
        assert await releases(bench) == 5
        gate.set()
        await threads_catch_up(bench, lambda: completed(bench, 40))
    assert len(bench.facts.of(AttemptsNotStarted)) == 1


async def test_a_shortage_that_becomes_worse_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fewer than half as many as before can be started; the process is ready as long as it is one."""
    bench, loop, most = Bench(), asyncio.get_running_loop(), 4
    work = Work(takes(bench, 30))

    def factory(
        running: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        **options: Any,  # noqa: ANN401 - as the event loop calls it
    ) -> asyncio.Task[Any]:
        if getattr(coroutine, "__qualname__", "") == "Worker._run" and len(work.running) >= most:
            raise MemoryError
        return asyncio.Task(coroutine, loop=running, **options)

    monkeypatch.setattr(loop, "_task_factory", factory)
    async with bench.engine(work, concurrency=8) as engine:
        for number in range(20):
            await bench.place(engine, f"order{number}")
        await bench.advance(20)
        assert [fact.at_once for fact in bench.facts.of(AttemptsNotStarted)] == [4]
        most = 1
        for _ in range(60):
            await bench.advance(1)
            assert ready(engine)
        assert [fact.at_once for fact in bench.facts.of(AttemptsNotStarted)] == [4, 1]
        most = 1000
        await bench.advance(200)
        assert len(work.finished) == 20
        assert len(bench.facts.of(AttemptStartsRecovered)) == 1


async def test_an_order_that_is_cancelled_while_nothing_can_start_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs it, so it is Cancelled at once."""
    bench = Bench()
    NoThreads(monkeypatch)
    async with bench.engine(plain) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        assert (await bench.now(engine.cancel("order1"))).status is Status.CANCELLED


async def test_an_attempt_without_a_task_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task factory of the host's, or a lack of memory, keeps the loop from making one: the engine goes on."""
    bench, work, loop = Bench(), Work(), asyncio.get_running_loop()
    is_lacking = True

    def factory(
        running: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        **options: Any,  # noqa: ANN401 - as the event loop calls it
    ) -> asyncio.Task[Any]:
        if is_lacking and getattr(coroutine, "__qualname__", "") == "Worker._run":
            raise MemoryError
        return asyncio.Task(coroutine, loop=running, **options)

    monkeypatch.setattr(loop, "_task_factory", factory)
    async with bench.engine(work) as engine:
        await bench.place(engine, *order_ids(3))
        await bench.advance(20)
        assert not ready(engine)
        assert (await bench.order("order1")).attempts == 0
        is_lacking = False
        await bench.advance(20)
        assert ready(engine)
        assert sorted(work.finished) == order_ids(3)


def test_the_log_says_what_is_lacking(caplog: pytest.LogCaptureFixture) -> None:
    """One warning at the beginning, one at the end."""
    observer = LogObserver(ManualClock())
    with caplog.at_level(logging.INFO, "order_engine"):
        observer.observe(AttemptsNotStarted(NO_THREAD, 0))
        observer.observe(AttemptsNotStarted(NO_THREAD, 7))
        observer.observe(AttemptStartsRecovered())
    assert "can't start new thread" in caplog.messages[0]
    assert "not ready" in caplog.messages[0]
    assert "more than 7" in caplog.messages[1]
    assert "ready" not in caplog.messages[1]
    assert "again" in caplog.messages[2]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
