"""Claiming: woken by the queue, completed by the poll, within the free slots, and safe after crashes and outages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from order_engine import Order, OrderEngine, Status, Unavailable
from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.content.validation import validate
from order_engine.ports.observer import QueueUnavailable
from order_engine_adapters.memory import MemoryQueue
from tests.unit.application.bench import Bench, SilentQueue, Work, at, first_then, hangs, new_order, order_ids, takes
from tests.unit.application.faults import AnswersShort, Fails, Forgets, IsSlow, LosesAnswer, NeverAnswers, Raises


def placements(ids: Sequence[str]) -> list[Placement]:
    """Return placements, to be stored behind every engine's back."""
    return [validate(new_order(order_id), "") for order_id in ids]


class BrokenQueue(MemoryQueue):
    """A queue that raises a foreign error for a while."""

    def __init__(self, error: BaseException, puts: int, gets: int) -> None:
        """Raise `error` so many times in each method."""
        super().__init__()
        self._error = error
        self._puts, self._gets = puts, gets

    async def put(self, order_ids: Sequence[str]) -> None:
        """Ring, or fail."""
        self._puts -= 1
        if self._puts >= 0:
            raise self._error
        await super().put(order_ids)

    async def get(self, limit: int) -> Sequence[str]:
        """Listen, or fail."""
        self._gets -= 1
        if self._gets >= 0:
            raise self._error
        return await super().get(limit)


# Bell and poll


async def test_the_queue_wakes_a_free_worker_without_the_poll() -> None:
    """An order placed in a process without a worker starts at once in another one: no time passes."""
    bench, work = Bench(), Work()
    async with bench.engine(work, poll_seconds=1000), bench.engine(repository=bench.connect()) as front:
        await bench.place(front, "order1")
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED


async def test_the_poll_finds_what_the_queue_lost() -> None:
    """A queue that loses everything costs one poll interval and no order."""
    bench, queue, work = Bench(), SilentQueue(), Work()
    async with bench.engine(work, queue=queue), bench.engine(repository=bench.connect(), queue=queue) as front:
        await bench.advance(10)
        await bench.place(front, *order_ids(20))
        await bench.settle()
        assert work.started == []
        assert queue.lost == order_ids(20)
        await bench.advance(1)
        assert sorted(work.finished) == sorted(order_ids(20))


async def test_late_and_repeated_hints_are_harmless() -> None:
    """Ids that come twice, late, for ended orders or for none change nothing and cost no attempt."""
    bench, queue, work = Bench(), SilentQueue(), Work()
    async with bench.engine(work, queue=queue) as engine:
        await bench.place(engine, "order1")
        await queue.deliver("order1", "order1", "nobody", "order1")
        await bench.advance(5)
        await queue.deliver("order1", "nobody")
        await bench.place(engine, "order2")
        await bench.advance(5)
    assert work.started_ids == ["order1", "order2"]
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_one_hint_for_two_workers_is_one_attempt() -> None:
    """The repository decides who has the order, however many heard the bell."""
    bench, first, second = Bench(), Work(), Work()
    queues = SilentQueue(), SilentQueue()
    async with (
        bench.engine(first, queue=queues[0], poll_seconds=1000),
        bench.engine(second, queue=queues[1], repository=bench.connect(), poll_seconds=1000),
    ):
        await bench.store.add(placements(["order1"]))
        for queue in queues:
            await queue.deliver("order1")
        await bench.advance(1)
    assert len(first.started) + len(second.started) == 1
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


@pytest.mark.parametrize(
    "error",
    [Unavailable("away"), ValueError("foreign"), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_broken_queue_costs_at_most_a_poll(error: BaseException) -> None:
    """A queue that fails in any way is told of, the poll goes on, and the bell works again once the queue does."""
    bench, work = Bench(), Work()
    queue = BrokenQueue(error, puts=1, gets=2)
    async with (
        bench.engine(work, queue=queue, poll_seconds=3) as engine,
        bench.engine(repository=bench.connect(), queue=queue) as front,
    ):
        await bench.place(front, "order1")
        await bench.advance(3.5)
        assert await bench.status("order1") is Status.COMPLETED
        assert bench.facts.of(QueueUnavailable)
        await bench.advance(20)
        assert engine.ready
        while at(bench) % 3 < 1:
            await bench.advance(0.1)
        polls = bench.repository.count("claim")
        await bench.place(front, "order2")
        await bench.settle()
        assert await bench.status("order2") is Status.COMPLETED
        assert bench.repository.count("claim") == polls + 1


# Slots


async def test_no_claim_asks_for_more_than_the_free_slots() -> None:
    """Whatever is under way, a claim's limit and the orders that run never exceed the slots together."""
    bench = Bench()
    work = Work(takes(bench, 2.3))
    limits: list[int] = []

    async def claims() -> None:
        for (terms,) in bench.repository.items_of("claim"):
            assert isinstance(terms, ClaimTerms)
            limits.append(terms.limit)

    bench.repository.plan(IsSlow(0.2), "claim")
    async with bench.engine(work, concurrency=7) as engine:
        await bench.store.add(placements(order_ids(40)))
        for number in range(40):
            await bench.within(1, engine.place(new_order(f"more{number}")))
            await bench.advance(0.1)
        await bench.advance(60)
    await claims()
    assert work.most_at_once == 7
    assert max(limits) <= 7
    assert len(work.finished) == 80


async def test_new_orders_do_not_overtake_a_known_backlog() -> None:
    """While older orders are known to wait, a new one is not born claimed: first come, first served."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=2, poll_seconds=1000) as engine:
        await bench.place(engine, *order_ids(6))
        await bench.advance(1.0)
        await bench.place(engine, *order_ids(4, "later"))
        await bench.advance(20)
    assert work.started_ids == [*order_ids(6), *order_ids(4, "later")]


async def test_a_busy_worker_that_only_places_does_not_starve_what_others_left() -> None:
    """Orders of another process are found by the poll although every slot is taken by new orders of this one."""
    bench, queue = Bench(), SilentQueue()
    work = Work(takes(bench, 0.5))
    async with bench.engine(work, queue=queue, concurrency=2) as engine:
        await bench.place(engine, *order_ids(4, "first"))
        await bench.store.add(placements(["foreign"]))
        for number in range(40):
            placing = asyncio.ensure_future(engine.place(new_order(f"mine{number}")))
            await bench.advance(0.25)
            await placing
        assert "foreign" in work.started_ids
        await bench.advance(30)


@pytest.mark.parametrize("fault", [IsSlow(3), NeverAnswers()], ids=repr)
async def test_a_slot_that_was_promised_in_vain_is_filled_at_once(fault: IsSlow | NeverAnswers) -> None:
    """A poll that found the only slot promised to a placing is made up for as soon as the promise falls away."""
    bench, work = Bench(), Work()
    async with bench.engine(work, concurrency=1, poll_seconds=2, request_seconds=3) as engine:
        await bench.place(engine, "known")
        await bench.advance(10)
        bench.repository.plan(fault, "add", 1)
        placing = asyncio.ensure_future(engine.place(new_order("known")))
        await bench.settle()
        await bench.store.add(placements(["foreign"]))
        while not placing.done():
            assert "foreign" not in work.started_ids
            await bench.advance(0.05)
        await bench.advance(0.1)
        assert "foreign" in work.started_ids
        await asyncio.gather(placing, return_exceptions=True)


# Answers that got lost


async def test_a_lost_claim_is_asked_for_again() -> None:
    """Orders that an unanswered claim holds are started under that claim: none is left to its lease."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.plan(LosesAnswer(), "claim", 1)
        await bench.store.add(placements(order_ids(5)))
        await bench.advance(3)
        assert engine.ready
        assert sorted(work.started_ids) == order_ids(5)
    for order_id in order_ids(5):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_asking_again_for_a_claim_does_not_wait_as_long_as_a_claim() -> None:
    """While it hangs in an outage, others may be about to take what the claim holds: it is asked in time once more."""
    bench, work = Bench(), Work()
    async with bench.engine(work, lease_seconds=9, request_seconds=30):
        bench.repository.plan(LosesAnswer(), "claim", 1)
        bench.repository.plan(NeverAnswers(), "claim", 2)
        await bench.store.add(placements(order_ids(5)))
        # A renewal interval: half of it for the call that hangs, half at most for the pause behind it.
        await bench.advance(1 + 3)
        assert sorted(work.started_ids) == order_ids(5)


@pytest.mark.parametrize(
    "fault",
    [
        Fails(),
        Forgets(),
        NeverAnswers(),
        NeverAnswers(takes_effect=True),
        Raises(OSError("x")),
        Raises(OSError("x"), takes_effect=True),
    ],
    ids=repr,
)
async def test_no_fault_of_a_claim_loses_slots_or_orders(fault: Fails | Forgets | NeverAnswers | Raises) -> None:
    """Whatever became of a claim, its slots come back and its orders are worked on, each in its first attempt."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=3) as engine:
        bench.repository.plan(fault, "claim", 1, 3)
        await bench.store.add(placements(order_ids(12)))
        await bench.advance(50)
        assert engine.ready
        assert work.most_at_once == 3
    for order_id in order_ids(12):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_an_outage_longer_than_a_lease_counts_against_no_order() -> None:
    """A claim that took effect, unanswered, before a long outage: its orders are no suspects afterwards.

    An outage of the repository is nobody's failed attempt, and no attempt that vanished either.
    """
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.plan(LosesAnswer(), "claim")
        await bench.store.add(placements(order_ids(5)))
        await bench.advance(1)
        assert await bench.story("order1") == ["placed", "claimed"]
        bench.repository.unavailable = True
        await bench.advance(100)
        bench.repository.heal()
        await bench.advance(20)
        assert engine.ready
    for order_id in order_ids(5):
        order = await bench.order(order_id)
        assert (order.status, order.vanished, order.failures) == (Status.COMPLETED, 0, 0)


async def test_ended_leases_are_left_alone_for_one_renewal_after_an_outage() -> None:
    """When the repository is back after all leases ended, holders have a renewal interval before others take over."""
    bench = Bench()
    work, other = Work(takes(bench, 300)), Work()
    holder, taker = bench.connect(), bench.connect()
    async with bench.engine(work, repository=holder, lease_seconds=30) as first:
        await bench.place(first, "order1")
        async with bench.engine(other, repository=taker):
            holder.unavailable = taker.unavailable = True
            await bench.advance(40)
            taker.unavailable = False
            await bench.advance(9)
            assert await bench.story("order1") == ["placed", "claimed"]
            holder.unavailable = False
            await bench.advance(3)
            assert "released" in await bench.story("order1")
            order = await bench.order("order1")
            assert order.vanished == 0


async def test_ended_leases_are_taken_once_the_holders_had_their_chance() -> None:
    """A holder that does not come back after the outage loses its orders after that interval, and not much later."""
    bench = Bench()
    work, other = Work(hangs), Work()
    holder, taker = bench.connect(), bench.connect()
    async with bench.engine(work, repository=holder, grace_seconds=0) as first:
        await bench.place(first, "order1")
        async with bench.engine(other, repository=taker):
            holder.unavailable = taker.unavailable = True
            await bench.advance(40)
            taker.unavailable = False
            await bench.advance(12)
            assert await bench.status("order1") is Status.COMPLETED
            assert (await bench.order("order1")).vanished == 1


# Crashes and suspects


async def crash_with(bench: Bench, orders: int, *, concurrency: int) -> None:
    """Let an engine die that is working on so many orders."""
    engine = bench.build(Work(hangs), concurrency=concurrency)
    await engine.__aenter__()
    await bench.place(engine, *order_ids(orders))
    await bench.settle()
    await bench.kill(engine)
    for order_id in order_ids(orders):
        assert await bench.story(order_id) == ["placed", "claimed"]


async def test_after_a_crash_everything_is_worked_on_again() -> None:
    """Within lease and poll, with no human step, orders of a dead process run in another one."""
    bench = Bench()
    await crash_with(bench, 5, concurrency=64)
    work = Work()
    async with bench.engine(work, concurrency=64):
        await bench.advance(29)
        assert work.started == []
        await bench.advance(2.5)
        assert sorted(work.finished) == order_ids(5)
    assert {order.vanished for order in work.started} == {1}


async def test_suspects_run_in_ever_smaller_company() -> None:
    """After a crash of 64 at most 8 of them run beside each other, after the second 1; new orders are not held up."""
    bench = Bench()
    await crash_with(bench, 64, concurrency=64)
    await bench.advance(31)
    once = Work(hangs)
    engine = bench.build(once, concurrency=64)
    await engine.__aenter__()
    await bench.advance(11)
    assert once.most_at_once == 8
    await bench.kill(engine)
    await bench.advance(31)

    twice = Work(takes(bench, 0.5))
    at_once: list[int] = []

    async def deed(order: Order) -> None:
        at_once.append(sum(running in guilty for running in twice.running) if order.order_id in guilty else 0)
        await bench.clock.sleep(0.5)

    guilty = set(once.started_ids)
    twice = Work(deed)
    async with bench.engine(twice, concurrency=64) as last:
        await bench.advance(1)
        await bench.place(last, *order_ids(20, "new"))
        await bench.settle()
        assert set(order_ids(20, "new")) <= set(twice.started_ids)
        await bench.advance(120)
        assert max(at_once) == 1
    counts = (await bench.check_books()).status_counts
    assert counts[Status.COMPLETED] == 84


async def test_a_suspect_that_goes_makes_room_for_the_next_at_once() -> None:
    """Suspects that may only run one after the other do so without a pause: none waits for the poll."""
    bench = Bench()
    await crash_with(bench, 4, concurrency=4)
    await bench.advance(45)
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=4, poll_seconds=1000):
        # One poll comes within this time, or two: each by itself would take one suspect.
        await bench.advance(1010)
        assert sorted(work.finished) == order_ids(4)
        assert work.most_at_once == 1


async def test_a_claim_that_only_ended_orders_was_full_as_well() -> None:
    """Orders that a claim ends count against its limit, so what is due behind them is asked for at once."""
    bench, work = Bench(), Work()
    await crash_with(bench, 2, concurrency=2)
    async with bench.engine(work, concurrency=2, max_deliveries=1, poll_seconds=1000, queue=SilentQueue()):
        await bench.advance(45)
        await bench.store.add(placements(["behind"]))
        while await bench.statuses() & {Status.PROCESSING}:
            assert work.started == []
            await bench.advance(10)
        assert work.finished == ["behind"]
    assert (await bench.check_books()).status_counts[Status.FAILED] == 2


async def test_orders_that_are_noted_during_a_claim_are_claimed_after_it() -> None:
    """A claim that comes back with less than its limit says nothing of what was placed while it was on its way."""
    bench, work = Bench(), Work()
    async with bench.engine(work, concurrency=1, queue=SilentQueue(), poll_seconds=4) as engine:
        bench.repository.plan(IsSlow(1), "claim", 1)
        claims = bench.repository.count("claim")
        while bench.repository.count("claim") == claims:
            await bench.advance(0.1)
        await bench.advance(0.7)
        await bench.place(engine, "order1")
        assert work.started == []
        # The next poll is two seconds from the one before, at least.
        await bench.advance(0.5)
        assert work.finished == ["order1"]


async def test_a_poison_order_fails_and_its_neighbours_complete() -> None:
    """An order that kills its process every time ends as Failed; all that ran beside it complete."""
    bench = Bench()
    dead: list[OrderEngine] = []
    await bench.store.add(placements([*order_ids(15), "poison"]))

    class Process:
        """A process that dies when its processor meets the poison."""

        def __init__(self) -> None:
            self.repository = bench.connect()
            self.died = asyncio.Event()
            self.engine = bench.build(self.deed, repository=self.repository, concurrency=16, max_deliveries=6)

        async def deed(self, order: Order) -> None:
            if order.order_id == "poison":
                self.died.set()
                await hangs(order)
            await bench.clock.sleep(5)

    process = Process()
    await process.engine.__aenter__()
    for _ in range(100):
        await bench.advance(5)
        if process.died.is_set():
            dead.append(process.engine)
            await bench.kill(process.engine)
            process = Process()
            await process.engine.__aenter__()
        if await bench.statuses() <= {Status.COMPLETED, Status.FAILED}:
            break
    await bench.end(process.engine)
    poison = await bench.order("poison")
    assert (poison.status, poison.failure, poison.vanished) == (Status.FAILED, "vanished", 6)
    assert len(dead) == 6
    counts = (await bench.check_books()).status_counts
    assert counts[Status.COMPLETED] == 15
    assert max([(await bench.order(order_id)).vanished for order_id in order_ids(15)]) < 5


async def test_an_order_that_a_claim_ends_is_noticed_by_who_waits() -> None:
    """Whoever waits for an order learns at once that a claim has ended it, long before the next look at the repository.

    No poll is due: the bell has the claim made.
    """
    bench, queue = Bench(), SilentQueue()
    await crash_with(bench, 1, concurrency=4)
    async with bench.engine(Work(), max_deliveries=1, poll_seconds=1000, queue=queue) as engine:
        waiting = asyncio.ensure_future(engine.wait_for("order1"))
        await bench.advance(45)
        assert not waiting.done()
        await queue.deliver("order1")
        assert (await bench.now(waiting)).status is Status.FAILED


async def test_an_answer_that_forgets_an_item_loses_no_order() -> None:
    """An `add` that answers for too few orders is an adapter's fault; what it held is fetched and worked on."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.plan(AnswersShort(), "add", 1)
        outcomes = await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(3)]))
        await bench.advance(3)
        assert len(outcomes) == 3
    for order_id in order_ids(3):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_retries_of_many_orders_are_found_when_they_are_due() -> None:
    """Orders that wait for a retry take no slot meanwhile, and are claimed within a poll of their time."""
    bench = Bench()

    async def fails(_order: Order) -> None:
        raise ValueError

    work = Work(first_then(fails))
    async with bench.engine(work, concurrency=3, backoff_seconds=2) as engine:
        await bench.place(engine, *order_ids(30))
        await bench.advance(5)
    assert (await bench.check_books()).status_counts[Status.COMPLETED] == 30


async def test_hints_that_are_taken_one_by_one_leave_the_loop_to_others() -> None:
    """Where the queue named more orders than there are slots by then, the listener waits, and does not spin."""
    bench, queue = Bench(), SilentQueue()
    work = Work(hangs)
    async with bench.engine(work, queue=queue, concurrency=2, poll_seconds=1000, grace_seconds=0) as engine:
        await bench.place(engine, "order1")
        assert work.running == ["order1"]
        bench.repository.plan(IsSlow(1), "claim")
        await queue.deliver("ghost1", "ghost2")
        await bench.advance(5)
        claims = [terms for (terms,) in bench.repository.items_of("claim") if isinstance(terms, ClaimTerms)]
        assert [terms.order_ids for terms in claims][-2:] == [["ghost1"], ["ghost2"]]
