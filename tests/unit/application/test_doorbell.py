"""The doorbell: nobody waits for it, and what it cannot tell is left to the poll."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine import Status
from order_engine.ports.observer import HintsDropped, QueueUnavailable
from order_engine_adapters.memory import MemoryQueue
from tests.unit.application.bench import Bench, Work, hangs, new_order, order_ids


class SlowQueue(MemoryQueue):
    """A queue that takes its time, or never answers."""

    def __init__(self, bench: Bench, seconds: float) -> None:
        """Take `seconds` for each put."""
        super().__init__()
        self._bench = bench
        self.seconds = seconds
        self.puts: list[list[str]] = []

    async def put(self, order_ids: Sequence[str]) -> None:
        """Ring slowly."""
        self.puts.append(list(order_ids))
        await self._bench.clock.sleep(self.seconds)
        await super().put(order_ids)


async def test_nobody_waits_for_a_queue_that_hangs() -> None:
    """Placing is answered at once although the queue never is; the observer hears of it within the time limit."""
    bench = Bench()
    async with bench.engine(queue=SlowQueue(bench, 1e9)) as engine:
        await bench.place(engine, *order_ids(5))
        await bench.advance(12)
        assert bench.facts.of(QueueUnavailable)
        assert engine.ready


async def test_ids_travel_together() -> None:
    """While one put is under way, the next one collects."""
    bench = Bench()
    queue = SlowQueue(bench, 0.5)
    async with bench.engine(queue=queue) as engine:
        await bench.place(engine, *order_ids(5))
        await bench.advance(2)
    assert queue.puts == [["order1"], ["order2", "order3", "order4", "order5"]]


async def test_what_a_slow_queue_does_not_take_is_left_to_the_poll() -> None:
    """Memory is bounded: more than `bell_orders` ids are dropped, told of, and found by the poll all the same."""
    bench = Bench()
    queue = SlowQueue(bench, 5)
    async with bench.engine(queue=queue, bell_orders=3) as engine:
        await bench.place(engine, "first")
        await bench.now(engine.place_many([new_order(order_id) for order_id in order_ids(10)]))
        assert sum(fact.orders for fact in bench.facts.of(HintsDropped)) == 7
        async with bench.engine(Work(), repository=bench.connect(), queue=queue):
            await bench.advance(2)
            assert await bench.statuses() == {Status.COMPLETED}


async def test_an_order_that_is_born_claimed_rings_nobody() -> None:
    """There is nothing left to tell."""
    bench = Bench()
    queue = SlowQueue(bench, 0)
    async with bench.engine(Work(), queue=queue) as engine:
        await bench.place(engine, *order_ids(5))
        await bench.advance(1)
    assert queue.puts == []


async def test_an_order_placed_beside_one_that_is_born_claimed_rings() -> None:
    """Of a batch with more orders than free slots, those without one are rung for: another process may start them."""
    bench, work = Bench(), Work(hangs)
    queue = SlowQueue(bench, 0)
    async with bench.engine(work, queue=queue, concurrency=1, grace_seconds=0) as engine:
        await bench.now(engine.place_many([new_order(order_id) for order_id in order_ids(3)]))
        await bench.settle()
        assert work.running == ["order1"]
        assert queue.puts == [["order2", "order3"]]


async def test_a_replayed_order_rings_nobody() -> None:
    """Only what is new has to be told."""
    bench = Bench()
    queue = SlowQueue(bench, 0)
    async with bench.engine(queue=queue) as engine:
        await bench.place(engine, "order1", "order1", "order1")
        await bench.advance(1)
    assert queue.puts == [["order1"]]
