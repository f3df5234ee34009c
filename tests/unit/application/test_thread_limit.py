"""Threads at work: no more than leave the event loop its turn, however many are allowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from order_engine import Order, OrderEngine
from order_engine.application.worker.attempts import Attempts, Bound
from order_engine.application.worker.thread_limit import (
    INITIAL_LIMIT,
    LATE_SECONDS,
    ON_TIME_SECONDS,
    SAMPLE_SECONDS,
    SAMPLES,
    ThreadLimit,
)
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Options, new_order, order_ids
from tests.unit.application.test_worker import boolean, completed, threads_catch_up

MANY = 100


class Waits:
    """A plain function that waits until it may go on, and counts how many of it do."""

    def __init__(self) -> None:
        """Let nobody go on."""
        self.gate = threading.Semaphore(0)
        self.running = 0
        self._lock = threading.Lock()

    def __call__(self, _order: Order) -> None:
        """Work on one order."""
        with self._lock:
            self.running += 1
        self.gate.acquire(timeout=60)
        with self._lock:
            self.running -= 1


@asynccontextmanager
async def at_work(bench: Bench, work: Waits) -> AsyncIterator[OrderEngine]:
    """Run an engine with many orders and as many threads; all go on at the end."""
    options = Options(threads=MANY, lease_seconds=600, attempt_seconds=0)
    async with bench.engine(work, **options) as engine:
        try:
            await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(MANY)]))
            yield engine
        finally:
            work.gate.release(10 * MANY)
        await threads_catch_up(bench, lambda: all_completed(bench))


@asynccontextmanager
async def late_loop(bench: Bench) -> AsyncIterator[None]:
    """Keep the event loop late, as threads do that compute."""

    async def delay() -> None:
        while True:
            await bench.clock.sleep(SAMPLE_SECONDS / 2)
            bench.block(2 * LATE_SECONDS)

    delaying = asyncio.create_task(delay())
    try:
        yield
    finally:
        delaying.cancel()


async def all_completed(bench: Bench) -> bool:
    """Whether every order is Completed."""
    return await completed(bench, (await bench.store.statistics()).total_orders)


def limit_of(engine: OrderEngine) -> int:
    """Return how many orders may be worked on at once."""
    assert engine.in_flight is not None
    return engine.in_flight.limit


async def test_threads_that_wait_are_as_many_as_are_allowed() -> None:
    """The first are few; more are started as long as the event loop is on time, within seconds."""
    bench, work = Bench(), Waits()
    async with at_work(bench, work):
        await threads_catch_up(bench, lambda: boolean(work.running == INITIAL_LIMIT))
        await bench.advance(5)
        await threads_catch_up(bench, lambda: boolean(work.running == MANY))


async def test_no_more_threads_are_started_beside_a_loop_that_is_late() -> None:
    """Those that are at work are too many already."""
    bench, work = Bench(), Waits()
    async with late_loop(bench), at_work(bench, work) as engine:
        await bench.advance(60)
        await threads_catch_up(bench, lambda: boolean(work.running == INITIAL_LIMIT))
        assert limit_of(engine) == INITIAL_LIMIT


async def test_fewer_threads_work_when_the_loop_turns_late() -> None:
    """None can be stopped, but no other takes the place of those that end; afterwards there are more again."""
    bench, work = Bench(), Waits()
    async with at_work(bench, work) as engine:
        await bench.advance(5)
        await threads_catch_up(bench, lambda: boolean(work.running == MANY))
        async with late_loop(bench):
            await bench.advance(10)
            assert limit_of(engine) == INITIAL_LIMIT
            work.gate.release(MANY - 10)
            await threads_catch_up(bench, lambda: completed(bench, MANY - 10))
            await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(MANY, "more")]))
            await threads_catch_up(bench, lambda: boolean(work.running == INITIAL_LIMIT))
        await bench.advance(60)
        await threads_catch_up(bench, lambda: boolean(work.running == MANY))


async def test_one_delay_is_no_sign() -> None:
    """A collection of garbage, or another program, may delay the event loop for once."""
    bench, work = Bench(), Waits()
    async with at_work(bench, work) as engine:
        await bench.advance(5)
        for _ in range(20):
            bench.block(0.2)
            await bench.advance(1)
            assert limit_of(engine) == MANY


async def test_few_threads_are_never_bounded() -> None:
    """The default has shown to leave the event loop its turn, however late another program makes it."""
    bench = Bench()
    async with late_loop(bench), bench.engine(lambda _: None, threads=INITIAL_LIMIT) as engine:
        await bench.advance(10)
        assert limit_of(engine) == INITIAL_LIMIT


class LateClock(ManualClock):
    """A clock whose sleepers are woken late, and a few times only."""

    def __init__(self, late: Callable[[], float], times: int) -> None:
        """Wake them by so many seconds too late, so often."""
        super().__init__()
        self._late, self._times, self._now = late, times, 0.0

    def monotonic(self) -> float:
        """Return what the sleeps add up to."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Sleep too long. Raises TimeoutError at the end."""
        self._times -= 1
        if self._times < 0:
            raise TimeoutError
        self._now += seconds + self._late()


@pytest.mark.parametrize(
    ("late", "limit"),
    [(0.0, MANY), (ON_TIME_SECONDS, MANY), (0.02, 48), (LATE_SECONDS * 1.01, INITIAL_LIMIT), (9.0, INITIAL_LIMIT)],
)
async def test_a_loop_that_is_a_little_late_has_as_many_as_it_can_bear(late: float, limit: int) -> None:
    """There are neither more nor fewer; a loop that is on time has more, and one that is late has fewer."""
    assert (await followed(lambda _: late, 10 * SAMPLES)).limit == limit


async def test_a_long_delay_is_judged_at_once() -> None:
    """Ten looks of half a second each would be five in which ever more threads are started."""
    assert (await followed(lambda _: SAMPLES * SAMPLE_SECONDS, 1)).limit == INITIAL_LIMIT


async def test_more_are_tried_more_rarely_where_they_were_too_many() -> None:
    """In a minute in which 33 threads are too many that is found out a few times, not at each second judgement."""
    late = await followed(lambda attempts: 2 * LATE_SECONDS if attempts.limit > INITIAL_LIMIT else 0.0, 1200)
    assert 1 <= late.grown <= 10


class Followed(NamedTuple):
    """What became of a limit of 48 threads, and how often there were more."""

    limit: int
    grown: int


async def followed(late: Callable[[Attempts], float], looks: int) -> Followed:
    """Bound many attempts that wait, beside an event loop that is so late, for so many looks."""
    attempts, grown = Attempts(MANY), list[int]()
    attempts.reserve(MANY)
    limit = ThreadLimit(attempts, LateClock(lambda: late(attempts), looks), lambda: grown.append(attempts.limit))
    attempts.set_bound(Bound.LOOP, 48)
    with pytest.raises(TimeoutError):
        await limit.run()
    return Followed(attempts.limit, len(grown))
