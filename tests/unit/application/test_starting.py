"""Starting attempts: what is done where that fails, and how many begin at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from order_engine import EngineOptions, Order, Status
from order_engine.application.observing import LogObserver
from order_engine.application.starting import LONGEST_TURN_SECONDS, MAX_PAUSE_SECONDS
from order_engine.application.threads import Threads
from order_engine.ports.observer import AttemptsNotStarted, AttemptsStartAgain
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Work, new_order, order_ids, ready, takes
from tests.unit.application.test_worker import status_is, threads_catch_up

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
        assert bench.facts.of(AttemptsStartAgain) == []
        lack.present = False
        await threads_catch_up(bench, lambda: all_completed(bench, 50))
        assert ready(engine)
        assert len(bench.facts.of(AttemptsStartAgain)) == 1


async def all_completed(bench: Bench, orders: int) -> bool:
    """Whether so many orders are Completed."""
    return (await bench.store.statistics()).status_counts[Status.COMPLETED] == orders


async def test_claims_are_not_repeated_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try adds to the order's history: within ten minutes it makes no more of them than pauses of 5 s allow."""
    bench, lack = Bench(), NoThreads(monkeypatch)
    async with bench.engine(plain) as engine:
        await bench.place(engine, *order_ids(40))
        await bench.advance(600)
        assert lack.refused <= 32 + 600 / (MAX_PAUSE_SECONDS / 2)
        lack.present = False
        await threads_catch_up(bench, lambda: all_completed(bench, 40))


async def test_the_threads_that_there_are_do_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 3 threads can be had of 8, they work on; what is tried beyond them is little."""
    bench, lack = Bench(), NoThreads(monkeypatch, most=3)
    async with bench.engine(plain, threads=8) as engine:
        await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(40)]))
        await threads_catch_up(bench, lambda: all_completed(bench, 40))
    assert lack.started <= 3
    counts = (await bench.check_books()).status_counts
    assert counts[Status.COMPLETED] == 40


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
        observer.observe(AttemptsNotStarted(NO_THREAD))
        observer.observe(AttemptsStartAgain())
    assert "can't start new thread" in caplog.messages[0]
    assert "not ready" in caplog.messages[0]
    assert "again" in caplog.messages[1]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


# Threads


def on_a_thread(threads: Threads, job: Callable[[], None]) -> threading.Event:
    """Run a job; the event is set at its end."""
    ended = threading.Event()

    def run() -> None:
        job()
        ended.set()

    threads.run(run, "name")
    return ended


def test_a_thread_is_used_again() -> None:
    """Starting one takes its time, in which the event loop waits."""
    threads, used = Threads(), list[threading.Thread]()
    for _ in range(50):
        assert on_a_thread(threads, lambda: used.append(threading.current_thread())).wait(10)
        until_idle(threads)
    assert len(set(used)) == 1
    threads.close()
    used[0].join(10)
    assert not used[0].is_alive()


def until_idle(threads: Threads) -> None:
    """Wait until a thread waits for its next job."""
    assert threads._idle.acquire(timeout=10)  # noqa: SLF001 - there is no other way to see it
    threads._idle.release()  # noqa: SLF001


def test_every_thread_ends_at_the_end_also_one_that_was_busy() -> None:
    """An engine leaves none behind that does nothing."""
    threads, gate, used = Threads(), threading.Event(), list[threading.Thread]()

    def job() -> None:
        used.append(threading.current_thread())
        gate.wait(20)

    ends = [on_a_thread(threads, job) for _ in range(5)]
    threads.close()
    gate.set()
    assert all(end.wait(10) for end in ends)
    for thread in used:
        thread.join(10)
    assert not any(thread.is_alive() for thread in used)
    assert len(set(used)) == 5


def test_a_job_that_comes_beside_the_end_is_done() -> None:
    """An idle thread that was promised a job does it before it ends."""
    for _ in range(200):
        threads = Threads()
        assert on_a_thread(threads, lambda: None).wait(10)
        threads.close()
        assert on_a_thread(threads, lambda: None).wait(10)
        threads.close()


async def test_an_engine_leaves_no_thread_behind() -> None:
    """They end with it."""
    bench, used = Bench(), set[threading.Thread]()
    async with bench.engine(lambda _: used.add(threading.current_thread())) as engine:
        await bench.place(engine, *order_ids(20))
        await threads_catch_up(bench, lambda: all_completed(bench, 20))
    for thread in used:
        thread.join(10)
    assert not any(thread.is_alive() for thread in used)


# How many begin at once


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


async def test_few_attempts_begin_in_a_turn_that_takes_long() -> None:
    """300 of 20 ms each would keep the loop for 6 s: three begin in each turn, and others have theirs."""
    bench = Bench()
    work = Greedy(bench, LONGEST_TURN_SECONDS * 0.4)
    async with bench.engine(work, lease_seconds=600) as engine:
        await bench.within(60, engine.place_many([new_order(order_id) for order_id in order_ids(300)]))
        await bench.advance(60)
    assert work.finished == 300
    assert work.most_in_a_turn == 3


async def test_work_that_turns_slow_at_once_keeps_no_turn_for_long() -> None:
    """What was quick a thousand times says nothing of the next."""
    bench = Bench()
    work = Greedy(bench, 0)
    async with bench.engine(work, lease_seconds=600) as engine:
        await bench.within(1, engine.place_many([new_order(order_id) for order_id in order_ids(900)]))
        await bench.settle()
        work.seconds, work.most_in_a_turn = 2 * LONGEST_TURN_SECONDS, 0
        await bench.within(60, engine.place_many([new_order(order_id) for order_id in order_ids(100, "slow")]))
        await bench.advance(60)
    assert work.finished == 1000
    assert work.most_in_a_turn == 1


async def test_many_attempts_begin_in_a_turn_that_is_quick() -> None:
    """A whole batch begins in one turn where its steps are short, whatever else the loop has to do."""
    bench = Bench()
    work = Greedy(bench, 0)
    async with bench.engine(work) as engine:
        await bench.within(1, engine.place_many([new_order(order_id) for order_id in order_ids(900)]))
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
        await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(300)]))
        await bench.advance(1)
    assert [order.status for order in cancelled] == [Status.PROCESSING]
    assert await bench.status("order300") is Status.CANCELLED
    assert "order300" not in work.started_ids
    assert len(work.started) == 299
