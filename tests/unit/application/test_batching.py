"""The batcher: group commit, each caller answered after its own commit, nobody harmed by another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from order_engine import (
    AdapterFault,
    NotRunning,
    OrderConflict,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    VersionMismatch,
)
from order_engine.application.calls.group_commit import BatchLimits, GroupCommit
from order_engine.application.retry_policy import Backoff
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, chance, new_order, order_ids
from tests.unit.application.faults import IsSlow, LosesAnswer, Raises

SLOW_SECONDS = 1.0
OVERDUE_SECONDS = 10.0


class Press:
    """A commit that tests hold up: each transaction takes `seconds` of the clock, and then upper-cases its items."""

    def __init__(self, seconds: float = 0.5) -> None:
        """Take `seconds` for each transaction."""
        self.clock = ManualClock()
        self.seconds = seconds
        self.batches: list[list[str]] = []
        self.committed: list[str] = []
        self.trouble: Callable[[Sequence[str]], BaseException | None] = lambda _: None

    async def commit(self, items: Sequence[str]) -> Sequence[str]:
        """Commit one batch."""
        self.batches.append(list(items))
        await self.clock.sleep(self.seconds)
        if (error := self.trouble(items)) is not None:
            raise error
        self.committed.extend(items)
        return [item.upper() for item in items]

    @asynccontextmanager
    async def batcher(self, limits: BatchLimits | None = None) -> AsyncIterator[GroupCommit[str, str]]:
        """Run a batcher over this press."""
        batcher = GroupCommit(self.commit, limits or limits_of(), self.clock, Backoff(chance(0)))
        running = asyncio.ensure_future(batcher.run())
        try:
            yield batcher
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def limits_of(
    orders: int = 100, size: int = 10_000, waiting: int = 1000, waiting_bytes: int = 1_000_000
) -> BatchLimits:
    """Return limits; a transaction of more than a second is slow."""
    return BatchLimits(orders, size, waiting, waiting_bytes, SLOW_SECONDS, OVERDUE_SECONDS)


async def test_a_store_that_works_elsewhere_gets_the_next_batch_before_callers_are_answered() -> None:
    """So that it and the event loop work at the same time."""
    press = Press()
    begun_when_answered: list[int] = []
    async with press.batcher() as batcher:
        first = batcher.submit("a", 1)
        first.add_done_callback(lambda _: begun_when_answered.append(len(press.batches)))
        await press.clock.advance(0.1)
        second = batcher.submit("b", 1)
        await press.clock.advance(1)
        assert (first.result(), second.result()) == ("A", "B")
    assert begun_when_answered == [2]


async def test_what_arrives_during_a_transaction_travels_in_the_next() -> None:
    """While one transaction is under way the next collects everything, in the order of arrival."""
    press = Press()
    async with press.batcher() as batcher:
        first = batcher.submit("a", 1)
        await press.clock.advance(0.1)
        others = [batcher.submit(item, 1) for item in "bcd"]
        await press.clock.advance(0.5)
        assert first.result() == "A"
        await press.clock.advance(0.5)
        assert [other.result() for other in others] == ["B", "C", "D"]
    assert press.batches == [["a"], ["b", "c", "d"]]


async def test_a_caller_is_answered_after_its_own_commit_and_not_before() -> None:
    """No caller has an answer while its own transaction is under way, nor while an earlier one is."""
    press = Press()
    async with press.batcher() as batcher:
        first = batcher.submit("a", 1)
        await press.clock.advance(0.1)
        second = batcher.submit("b", 1)
        await press.clock.advance(0.3)
        assert not first.done()
        await press.clock.advance(0.2)
        assert first.done()
        assert "a" in press.committed
        assert not second.done()
        await press.clock.advance(0.5)
        assert second.done()


async def test_an_order_is_in_the_store_when_its_caller_is_answered() -> None:
    """Through the engine: `place` returns after the order is kept, and not while its transaction is under way."""
    bench = Bench()
    bench.repository.plan(IsSlow(0.5), "add")
    async with bench.engine() as engine:
        placing = asyncio.ensure_future(engine.place(new_order("order1")))
        await bench.advance(0.4)
        answered_early = placing.done()
        await bench.advance(0.2)
        assert placing.done()
        assert not answered_early
        assert (await placing).order == await bench.order("order1")


async def test_a_bad_item_fails_alone_where_the_adapter_says_so_by_item() -> None:
    """A conflict in a batch is the conflict of one caller."""
    bench = Bench()
    bench.repository.plan(IsSlow(0.2), "add")
    async with bench.engine() as engine:
        await bench.within(1, engine.place(new_order("taken")))
        placings = [
            asyncio.ensure_future(engine.place(new_order(order_id, amount)))
            for order_id, amount in [("x", "1"), ("taken", "2"), ("y", "3")]
        ]
        await bench.advance(1)
        outcomes = await asyncio.gather(*placings, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["Placed", "OrderConflict", "Placed"]
    assert isinstance(outcomes[1], OrderConflict)


async def test_a_bad_item_fails_alone_where_the_adapter_raises_for_the_whole_batch() -> None:
    """An adapter that breaks its contract on one item harms that item alone: the halves are tried."""
    press = Press(0.0)
    press.trouble = lambda items: AdapterFault("bad") if "bad" in items else None
    async with press.batcher() as batcher:
        outcomes = [batcher.submit(item, 1) for item in ["a", "b", "bad", "c", "d", "e", "f"]]
        await press.clock.advance(1)
        assert [outcome.result() for outcome in outcomes if outcome.exception() is None] == list("ABCDEF")
        assert isinstance(outcomes[2].exception(), AdapterFault)


async def test_a_foreign_error_for_one_order_leaves_the_others_placed() -> None:
    """Through the engine: a repository that raises a foreign error for any batch with a bad order."""
    bench = Bench()

    def guard(items: Sequence[object]) -> BaseException | None:
        return ValueError("cannot encode") if any(getattr(item, "order_id", "") == "bad" for item in items) else None

    bench.repository.refuse_batches(guard)
    async with bench.engine() as engine:
        outcomes = await bench.within(5, engine.place_many([new_order(x) for x in ["a", "b", "bad", "c"]]))
    assert [type(outcome).__name__ for outcome in outcomes] == ["Placed", "Placed", "AdapterFault", "Placed"]


@pytest.mark.parametrize(
    "error",
    [
        Overloaded("the disk is full."),
        VersionMismatch("order1", 1, 2),
        ValueError("foreign"),
        RuntimeError(),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_no_error_of_an_adapter_kills_the_engine(error: BaseException) -> None:
    """Whatever a repository raises in `add` is the error of that call; the next order is placed as ever."""
    bench = Bench()
    async with bench.engine() as engine:
        bench.repository.plan(Raises(error), "add", 1)
        with pytest.raises(AdapterFault):
            await bench.within(30, engine.place(new_order("order1")))
        placed = await bench.within(30, engine.place(new_order("order2")))
        assert placed.order.order_id == "order2"


async def test_a_caller_cancelled_before_its_transaction_harms_no_other() -> None:
    """Its item is left out, and everybody else's travels as it would have."""
    press = Press()
    async with press.batcher() as batcher:
        first = batcher.submit("a", 1)
        await press.clock.advance(0.1)
        gone, stays = batcher.submit("gone", 1), batcher.submit("stays", 1)
        gone.cancel()
        await press.clock.advance(2)
        assert (first.result(), stays.result()) == ("A", "STAYS")
    assert press.batches == [["a"], ["stays"]]


async def test_a_caller_cancelled_during_its_transaction_harms_no_other() -> None:
    """The transaction goes on, the others in it are answered, and so are those of the next one."""
    press = Press()
    async with press.batcher() as batcher:
        gone, stays = batcher.submit("gone", 1), batcher.submit("stays", 1)
        await press.clock.advance(0.1)
        gone.cancel()
        await press.clock.advance(0.5)
        later = batcher.submit("later", 1)
        await press.clock.advance(0.5)
        assert (stays.result(), later.result()) == ("STAYS", "LATER")
    assert press.committed == ["gone", "stays", "later"]


async def test_cancelled_callers_of_place_harm_no_other() -> None:
    """Through the engine: cancelled before or during the transaction, the neighbours are placed."""
    bench = Bench()
    bench.repository.plan(IsSlow(0.5), "add")
    async with bench.engine() as engine:
        during = asyncio.ensure_future(engine.place(new_order("during")))
        beside = asyncio.ensure_future(engine.place(new_order("beside")))
        await bench.advance(0.1)
        before = asyncio.ensure_future(engine.place(new_order("before")))
        after = asyncio.ensure_future(engine.place(new_order("after")))
        await bench.settle()
        during.cancel()
        before.cancel()
        await bench.advance(2)
        assert beside.done()
        assert after.done()
        assert (await beside).order.order_id == "beside"
        assert (await after).order.order_id == "after"
        assert "before" not in await bench.store.get(["before"])


async def test_too_many_orders_that_wait_are_refused_at_once() -> None:
    """Past the bound in orders a caller hears Overloaded, and what waits already is not touched."""
    press = Press()
    async with press.batcher(limits_of(waiting=2)) as batcher:
        under_way = batcher.submit("a", 1)
        await press.clock.advance(0.1)
        waiting = [batcher.submit(item, 1) for item in "bc"]
        with pytest.raises(Overloaded):
            batcher.submit("d", 1)
        await press.clock.advance(2)
        assert [under_way.result(), *(outcome.result() for outcome in waiting)] == ["A", "B", "C"]


async def test_too_many_bytes_that_wait_are_refused_at_once() -> None:
    """Past the bound in bytes a caller hears Overloaded; after the transaction there is room again."""
    press = Press()
    async with press.batcher(limits_of(waiting_bytes=100)) as batcher:
        batcher.submit("a", 60)
        await press.clock.advance(0.1)
        batcher.submit("b", 60)
        batcher.submit("c", 60)
        with pytest.raises(Overloaded):
            batcher.submit("d", 1)
        await press.clock.advance(0.5)
        assert not batcher.submit("d", 1).done()
        await press.clock.advance(2)


async def test_the_engine_refuses_what_it_cannot_hold() -> None:
    """Through the engine: Overloaded past `max_waiting` (P6), and fine again once the repository has caught up."""
    bench = Bench()
    bench.repository.plan(IsSlow(0.5), "add")
    async with bench.engine(max_waiting=3) as engine:
        first = asyncio.ensure_future(engine.place(new_order("first")))
        await bench.settle()
        waiting = [asyncio.ensure_future(engine.place(new_order(order_id))) for order_id in order_ids(3)]
        await bench.settle()
        with pytest.raises(Overloaded):
            await bench.now(engine.place(new_order("refused")))
        await bench.advance(1.5)
        for placing in [first, *waiting]:
            assert placing.done()
            await placing
        await bench.within(1, engine.place(new_order("refused")))


async def test_room_waits_until_something_was_taken() -> None:
    """Who would rather wait than be refused is let go on as soon as a transaction has taken what waited."""
    press = Press()
    async with press.batcher(limits_of(waiting=1)) as batcher:
        batcher.submit("a", 1)
        await press.clock.advance(0.1)
        batcher.submit("b", 1)
        room = asyncio.ensure_future(batcher.room())
        await press.clock.advance(0.1)
        assert not room.done()
        await press.clock.advance(0.5)
        assert room.done()


async def test_two_who_wait_for_room_share_it() -> None:
    """One place becomes free: of two that wait for it one goes on, and the other is not refused but waits on."""
    press = Press()
    refused = 0

    async def patient(batcher: GroupCommit[str, str], item: str) -> str:
        nonlocal refused
        await batcher.room()
        try:
            return await batcher.submit(item, 1)
        except Overloaded:
            refused += 1
            raise

    async with press.batcher(limits_of(orders=1, waiting=1)) as batcher:
        callers = [asyncio.ensure_future(patient(batcher, item)) for item in "abcdef"]
        await press.clock.advance(10)
        assert [await caller for caller in callers] == list("ABCDEF")
    assert refused == 0


async def test_transactions_are_bounded_in_orders_and_bytes() -> None:
    """A transaction takes at most so many orders and bytes, but one at least however large it is."""
    press = Press(0.1)
    async with press.batcher(limits_of(orders=3, size=100)) as batcher:
        batcher.submit("start", 1)
        await press.clock.advance(0.01)
        for item, size in [("a", 1), ("b", 1), ("c", 1), ("d", 60), ("e", 60), ("huge", 500), ("f", 1)]:
            batcher.submit(item, size)
        await press.clock.advance(3)
    assert press.batches[1:] == [["a", "b", "c"], ["d"], ["e"], ["huge"], ["f"]]


async def test_a_slow_transaction_makes_the_next_ones_smaller_and_quick_ones_larger_again() -> None:
    """After a transaction of more than `slow_seconds` the next is half as large; quick ones grow back to the limit."""
    press = Press(2.0)
    async with press.batcher(limits_of(orders=16)) as batcher:
        for number in range(16 + 8 + 4):
            batcher.submit(f"{number}", 1)
        await press.clock.advance(6.5)
        assert [len(batch) for batch in press.batches] == [16, 8, 4]
        press.seconds = 0.1
        for number in range(200):
            batcher.submit(f"{number}", 1)
        await press.clock.advance(10)
    sizes = [len(batch) for batch in press.batches[3:]]
    assert sizes[0] < 16
    assert sizes[:-1] == sorted(sizes[:-1])
    assert max(sizes) == 16


async def test_an_unknown_outcome_is_asked_again_and_answered_once() -> None:
    """A lost answer is asked for again: the caller hears of one order placed, and there is one order."""
    bench = Bench()
    bench.repository.plan(LosesAnswer(), "add", 1, 2)
    async with bench.engine() as engine:
        placed = await bench.within(5, engine.place(new_order("order1")))
        assert placed.order.order_id == "order1"
        assert bench.repository.count("add") == 3
    assert await bench.story("order1") == ["placed"]
    assert (await bench.check_books()).total_orders == 1


async def test_one_failed_transaction_gives_each_caller_an_error_of_its_own() -> None:
    """Callers of a failed batch do not share one exception object, whose traceback each would write into."""
    press = Press()
    press.trouble = lambda _: Unavailable("away")
    async with press.batcher() as batcher:
        outcomes = [batcher.submit(item, 1) for item in "abc"]
        await press.clock.advance(1)
        errors = [outcome.exception() for outcome in outcomes]
    assert [str(error) for error in errors] == ["away"] * 3
    assert len({id(error) for error in errors}) == 3


@pytest.mark.parametrize(
    "error",
    [Overloaded("full.", retry_after=7.0), VersionMismatch("order1", 1, 2), OrderConflict("order1")],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_reaches_each_caller_as_it_was(error: Overloaded | VersionMismatch | OrderConflict) -> None:
    """Each caller's own error says the same, and carries the same details, as the one that the commit raised."""
    press = Press()
    press.trouble = lambda _: error
    async with press.batcher() as batcher:
        outcome = batcher.submit("a", 1)
        await press.clock.advance(1)
        raised = outcome.exception()
    assert type(raised) is type(error)
    assert str(raised) == str(error)
    assert raised is not None
    assert vars(raised) == vars(error)


async def test_too_few_outcomes_are_an_adapters_fault() -> None:
    """A commit that answers for fewer items than it got is not paired up by luck."""
    press = Press(0.0)

    async def short(items: Sequence[str]) -> Sequence[str]:
        await press.clock.sleep(0)
        return items[:-1]

    batcher = GroupCommit(short, limits_of(), press.clock, Backoff(chance(0)))
    running = asyncio.ensure_future(batcher.run())
    outcomes = [batcher.submit(item, 1) for item in "ab"]
    await press.clock.advance(1)
    assert all(isinstance(outcome.exception(), AdapterFault) for outcome in outcomes)
    running.cancel()
    await asyncio.wait([running])


async def test_nobody_is_left_without_an_answer_when_run_is_cancelled() -> None:
    """Who is under way hears OutcomeUnknown, who waits hears NotRunning, and so does who comes later."""
    press = Press()
    batcher = GroupCommit(press.commit, limits_of(orders=1), press.clock, Backoff(chance(0)))
    running = asyncio.ensure_future(batcher.run())
    under_way, waiting = batcher.submit("a", 1), batcher.submit("b", 1)
    room, idle = asyncio.ensure_future(batcher.room()), asyncio.ensure_future(batcher.idle())
    await press.clock.advance(0.1)
    running.cancel()
    await press.clock.advance(0)
    assert running.done()
    assert isinstance(under_way.exception(), OutcomeUnknown)
    assert isinstance(waiting.exception(), NotRunning)
    assert room.done()
    assert idle.done()
    with pytest.raises(NotRunning):
        batcher.submit("c", 1)


async def test_idle_waits_for_what_waits_and_what_is_under_way() -> None:
    """`idle` returns when the last transaction was answered, and at once where there is nothing to do."""
    press = Press()

    async def is_idle_after(seconds: float) -> bool:
        idle = asyncio.ensure_future(batcher.idle())
        await press.clock.advance(seconds)
        done = idle.done()
        idle.cancel()
        return done

    async with press.batcher(limits_of(orders=1)) as batcher:
        assert await is_idle_after(0)
        batcher.submit("a", 1)
        batcher.submit("b", 1)
        assert not await is_idle_after(0.9)
        assert await is_idle_after(0.2)


async def test_a_batch_whose_callers_are_all_gone_is_not_committed() -> None:
    """Where nobody wants an outcome any more there is no transaction, and the batcher is idle."""
    press = Press()
    async with press.batcher() as batcher:
        batcher.submit("a", 1).cancel()
        await press.clock.advance(0)
        waiting: Awaitable[None] = batcher.idle()
        await asyncio.wait_for(waiting, 5)
    assert press.batches == []
