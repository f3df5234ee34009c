"""Bounds are exact: what waits is counted in, and given back once, whatever became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from order_engine import Order, Overloaded, Status, Unavailable
from order_engine.application import waiters as waiting_module
from order_engine.application.calls.group_commit import GroupCommit
from order_engine.ports.observer import HintsDropped
from order_engine_adapters.memory import MemoryQueue
from tests.unit.application.bench import Bench, Work, order_ids
from tests.unit.application.test_batching import OVERDUE_SECONDS, Press, limits_of

WAITING_BYTES = 100

Past = Callable[[Press, GroupCommit[str, str]], Awaitable[None]]


async def nothing(_press: Press, _batcher: GroupCommit[str, str]) -> None:
    """Begin with the bound itself."""


async def committed(press: Press, batcher: GroupCommit[str, str]) -> None:
    """Let items be committed, some of them behind others."""
    for item in "abc":
        batcher.submit(item, 30)
        await press.clock.advance(0.1)
    await press.clock.advance(5)


async def cancelled(press: Press, batcher: GroupCommit[str, str]) -> None:
    """Let callers leave before their transaction has begun."""
    batcher.submit("a", 30)
    await press.clock.advance(0.1)
    for outcome in [batcher.submit(item, 40) for item in "bc"]:
        outcome.cancel()
    await press.clock.advance(5)


async def refused(press: Press, batcher: GroupCommit[str, str]) -> None:
    """Let a transaction fail."""
    press.trouble = lambda _: Unavailable("away")
    outcomes = [batcher.submit(item, 40) for item in "ab"]
    await press.clock.advance(5)
    await _expect_errors(outcomes)
    press.trouble = lambda _: None


async def overdue(press: Press, batcher: GroupCommit[str, str]) -> None:
    """Let items wait for too long behind a transaction that fails."""
    press.trouble = lambda _: Unavailable("away")
    press.seconds = OVERDUE_SECONDS + 1
    outcomes = [batcher.submit("a", 40)]
    await press.clock.advance(0.1)
    outcomes += [batcher.submit(item, 45) for item in "bc"]
    await press.clock.advance(OVERDUE_SECONDS + 2)
    await _expect_errors(outcomes)
    press.trouble, press.seconds = (lambda _: None), 0.5


@pytest.mark.parametrize("past", [nothing, committed, cancelled, refused, overdue], ids=lambda past: past.__name__)
async def test_bytes_that_wait_are_given_back_once(past: Past) -> None:
    """Whatever happened before, as many bytes may wait as the bound says: no fewer, and no more."""
    press = Press()
    async with press.batcher(limits_of(waiting_bytes=WAITING_BYTES)) as batcher:
        await past(press, batcher)
        await batcher.idle()
        batcher.submit("under way", 1)
        await press.clock.advance(0.1)
        batcher.submit("most of it", WAITING_BYTES - 1)
        assert batcher.has_room
        batcher.submit("the rest", 1)
        with pytest.raises(Overloaded):
            batcher.submit("too much", 1)
        await press.clock.advance(5)


async def test_a_transaction_takes_exactly_as_many_bytes_as_it_may() -> None:
    """Items that fill it to the last byte travel together; with one byte more the last one follows."""
    press = Press(0.1)
    async with press.batcher(limits_of(size=100)) as batcher:
        batcher.submit("start", 1)
        await press.clock.advance(0.01)
        for item, size in [("a", 60), ("b", 40), ("c", 60), ("d", 41)]:
            batcher.submit(item, size)
        await press.clock.advance(3)
    assert press.batches[1:] == [["a", "b"], ["c"], ["d"]]


async def test_one_failed_transaction_fails_nobody_who_came_just_now() -> None:
    """Only who has waited as long as a call may take is answered with it; the others travel in the next one."""
    press = Press()
    press.trouble = lambda items: Unavailable("away") if "a" in items else None
    async with press.batcher() as batcher:
        first = batcher.submit("a", 1)
        await press.clock.advance(0.1)
        second = batcher.submit("b", 1)
        await press.clock.advance(2)
        assert isinstance(first.exception(), Unavailable)
        assert second.result() == "B"


async def test_more_orders_are_looked_at_than_fit_into_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody who waits is answered at once, in several questions."""
    monkeypatch.setattr(waiting_module, "ORDERS_PER_CHECK", 2)
    bench, done = Bench(), asyncio.Event()

    async def deed(_order: Order) -> None:
        await done.wait()

    async with bench.engine(Work(deed), poll_seconds=1000) as engine:
        await bench.place(engine, *order_ids(20))
        waiting = [asyncio.ensure_future(engine.wait_for(order_id)) for order_id in order_ids(20)]
        await bench.settle()
        done.set()
        await bench.settle()
        assert [waiter.done() and waiter.result().status for waiter in waiting] == [Status.COMPLETED] * 20


class CountingQueue(MemoryQueue):
    """A queue that keeps what it was rung with, and may fail or never answer."""

    def __init__(self, bench: Bench) -> None:
        """Answer at once."""
        super().__init__()
        self._bench = bench
        self.rung: list[str] = []
        self.puts = 0
        self.seconds = 0.0
        self.fails = False

    async def put(self, order_ids: Sequence[str]) -> None:
        """Ring, late or never."""
        self.puts += 1
        if self.fails:
            message = "away"
            raise Unavailable(message)
        await self._bench.clock.sleep(self.seconds)
        self.rung.extend(order_ids)


async def test_as_many_bells_wait_as_may_and_the_rest_is_counted() -> None:
    """While the queue is slow, exactly `bell_orders` ids wait for it; each further one is counted as dropped."""
    bench = Bench()
    queue = CountingQueue(bench)
    queue.seconds = 5
    async with bench.engine(queue=queue, bell_orders=3) as engine:
        await bench.place(engine, "first", *order_ids(10))
        dropped = sum(fact.orders for fact in bench.facts.of(HintsDropped))
        await bench.advance(30)
        assert queue.rung == ["first", *order_ids(3)]
        assert dropped == 7


async def test_a_queue_that_fails_is_not_asked_without_a_pause() -> None:
    """While it is away it is tried again after growing pauses, of a second at most."""
    bench = Bench()
    queue = CountingQueue(bench)
    queue.fails = True
    async with bench.engine(queue=queue) as engine:
        for number in range(200):
            await bench.place(engine, f"order{number}")
            await bench.advance(0.05)
        assert queue.puts <= 30
        queue.fails = False
        await bench.place(engine, "last")
        await bench.advance(1)
        assert queue.rung[-1] == "last"


async def _expect_errors(outcomes: Sequence[asyncio.Future[str]]) -> None:
    for outcome in outcomes:
        with pytest.raises(Unavailable):
            await outcome
