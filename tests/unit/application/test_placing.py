"""Placing: kept once, whoever asks how often; started at once where a slot is free; refused only with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from order_engine import (
    IdempotencyKeyReused,
    InvalidOrder,
    NewOrder,
    OrderConflict,
    OutcomeUnknown,
    Overloaded,
    Placed,
    Status,
    Unavailable,
)
from tests.unit.application.bench import Bench, SilentQueue, Work, hangs, new_order, order_ids, ready, takes
from tests.unit.application.faults import Fails, Forgets, IsSlow, LosesAnswer, NeverAnswers, Raises


async def test_a_new_order_is_pending_where_nobody_works() -> None:
    """An engine without a processor keeps it for others."""
    bench = Bench()
    async with bench.engine() as engine:
        placed = await bench.now(engine.place(new_order("order1")))
        assert not placed.replayed
        assert placed.order.status is Status.PENDING
        assert placed.order == await bench.order("order1")
        assert await engine.get("order1") == placed.order
        assert await engine.status("order1") is Status.PENDING


async def test_an_order_is_born_claimed_where_a_slot_is_free() -> None:
    """It is Processing in the very answer, and its processor gets it without another transaction or any wait."""
    bench, work = Bench(), Work(hangs)
    async with bench.engine(work, grace_seconds=0, poll_seconds=1000) as engine:
        claims = bench.repository.count("claim")
        placed = await bench.now(engine.place(new_order("order1")))
        assert placed.order.status is Status.PROCESSING
        await bench.settle()
        assert work.running == ["order1"]
        assert bench.repository.count("claim") == claims


async def test_only_as_many_are_born_claimed_as_slots_are_free() -> None:
    """Of a batch that is larger than the free slots the first ones start, the others are Pending."""
    bench, work = Bench(), Work(hangs)
    async with bench.engine(work, concurrency=2, grace_seconds=0) as engine:
        outcomes = await bench.now(engine.place_many([new_order(order_id) for order_id in order_ids(5)]))
        statuses = [outcome.order.status for outcome in outcomes if isinstance(outcome, Placed)]
        assert statuses == [Status.PROCESSING] * 2 + [Status.PENDING] * 3
        await bench.settle()
        assert work.running == order_ids(2)


async def test_orders_without_a_slot_follow_as_slots_become_free() -> None:
    """Of a batch with more orders than slots the rest is taken up here, without a bell and without a poll."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=2, queue=SilentQueue(), poll_seconds=1000) as engine:
        await bench.now(engine.place_many([new_order(order_id) for order_id in order_ids(5)]))
        await bench.advance(3.5)
        assert work.finished == order_ids(5)


async def test_the_same_order_again_is_the_same_order() -> None:
    """A replay gives the order as it is now, says so, and starts no second attempt (P4)."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        await bench.now(engine.place(new_order("order1", "50")))
        await bench.settle()
        replay = await bench.now(engine.place(new_order("order1", "50.00")))
        assert replay.replayed
        assert replay.order.status is Status.COMPLETED
    assert len(work.started) == 1
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_other_content_under_the_same_id_is_a_conflict() -> None:
    """It changes nothing."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
        with pytest.raises(OrderConflict):
            await bench.now(engine.place(new_order("order1", "51")))
        assert (await bench.order("order1")).total_amount == 50


async def test_the_same_order_twice_at_once_is_one_order() -> None:
    """Two callers with the same order in one transaction: one places it, the other has a replay or a conflict."""
    bench = Bench()
    async with bench.engine() as engine:
        first, second, other = await bench.now(
            asyncio.gather(
                engine.place(new_order("order1")),
                engine.place(new_order("order1")),
                engine.place(new_order("order1", "7")),
                return_exceptions=True,
            )
        )
        assert isinstance(first, Placed)
        assert isinstance(second, Placed)
        assert (first.replayed, second.replayed) == (False, True)
        assert isinstance(other, OrderConflict)
        assert len(bench.repository.items_of("add")) == 1


async def test_an_idempotency_key_makes_a_placing_repeatable() -> None:
    """Same key and content: the first answer. Other content: an error, and nothing is stored."""
    bench = Bench()
    async with bench.engine() as engine:
        first = await bench.now(engine.place(new_order(), idempotency_key="key1"))
        again = await bench.now(engine.place(new_order(), idempotency_key="key1"))
        assert again.replayed
        assert again.order.order_id == first.order.order_id
        with pytest.raises(IdempotencyKeyReused):
            await bench.now(engine.place(new_order(amount="51"), idempotency_key="key1"))
        with pytest.raises(InvalidOrder):
            await bench.now(engine.place(new_order(), idempotency_key="no spaces allowed"))
        assert (await engine.metrics()).total_orders == 1


async def test_an_order_without_an_id_gets_one() -> None:
    """Made ids are 128 random bits in hexadecimal, each another."""
    bench = Bench()
    async with bench.engine() as engine:
        made = [(await bench.now(engine.place(new_order()))).order.order_id for _ in range(50)]
    assert len(set(made)) == 50
    assert all(len(order_id) == 32 and set(order_id) <= set("0123456789abcdef") for order_id in made)


async def test_an_invalid_order_says_everything_that_is_wrong() -> None:
    """Nothing is sent to the repository."""
    bench = Bench()
    async with bench.engine() as engine:
        with pytest.raises(InvalidOrder) as invalid:
            await engine.place(NewOrder(order_id="a/b", user_id="", item_ids=[""], total_amount="-1"))
        assert [error.pointer for error in invalid.value.errors] == [
            "/order_id",
            "/user_id",
            "/item_ids/0",
            "/total_amount",
        ]
        assert bench.repository.count("add") == 0


async def test_many_orders_have_each_its_own_fate_in_order() -> None:
    """Placed, replayed, conflicting and invalid ones, side by side, in the order in which they were given."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "known")
        outcomes = await bench.now(
            engine.place_many(
                [
                    new_order("new1"),
                    new_order("known"),
                    new_order("known", "7"),
                    new_order("bad/id"),
                    new_order("new1"),
                    new_order("new2"),
                ]
            )
        )
    assert [(type(x).__name__, x.replayed if isinstance(x, Placed) else None) for x in outcomes] == [
        ("Placed", False),
        ("Placed", True),
        ("OrderConflict", None),
        ("InvalidOrder", None),
        ("Placed", True),
        ("Placed", False),
    ]


async def test_more_orders_than_may_wait_are_slower_not_refused() -> None:
    """`place_many` takes ten times `max_waiting` from a generator without a refusal, and not far ahead."""
    bench = Bench()
    taken = 0

    def source() -> Iterator[NewOrder]:
        nonlocal taken
        for order_id in order_ids(300):
            taken += 1
            yield new_order(order_id)

    bench.repository.plan(IsSlow(0.1), "add")
    async with bench.engine(max_waiting=30, batch_orders=20) as engine:
        placing = asyncio.ensure_future(engine.place_many(source()))
        await bench.settle()
        assert taken <= 30 + 20 + 1
        outcomes = await bench.within(10, placing)
    assert [outcome.order.order_id for outcome in outcomes if isinstance(outcome, Placed)] == order_ids(300)


async def test_two_who_place_many_share_the_room() -> None:
    """Together they are slower still, and neither is refused."""
    bench = Bench()
    bench.repository.plan(IsSlow(0.1), "add")
    async with bench.engine(max_waiting=5, batch_orders=3) as engine:
        both = asyncio.gather(
            *(engine.place_many([new_order(order_id) for order_id in order_ids(40, name)]) for name in ["a", "b"])
        )
        outcomes = await bench.within(20, both)
    assert all(isinstance(outcome, Placed) for half in outcomes for outcome in half)


async def test_place_many_that_is_cancelled_leaves_out_what_has_not_begun() -> None:
    """What waits is not placed after its caller is gone, and nothing is left to be told to nobody."""
    bench = Bench()
    bench.repository.plan(IsSlow(1), "add")
    async with bench.engine(batch_orders=5) as engine:
        placing = asyncio.ensure_future(engine.place_many([new_order(order_id) for order_id in order_ids(10)]))
        await bench.advance(0.5)
        placing.cancel()
        await bench.advance(20)
        assert (await engine.metrics()).total_orders == 5


async def test_a_full_repository_is_overloaded() -> None:
    """FULL is said to the client as Overloaded; what is there already may still be placed again."""
    bench = Bench(capacity=2)
    async with bench.engine() as engine:
        await bench.place(engine, "order1", "order2")
        with pytest.raises(Overloaded):
            await bench.now(engine.place(new_order("order3")))
        assert (await bench.now(engine.place(new_order("order1")))).replayed


async def test_an_outage_is_unavailable_and_heals() -> None:
    """Nothing took effect: the caller may place the same again, and then it is placed. Readiness follows."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.unavailable = True
        with pytest.raises(Unavailable):
            await bench.now(engine.place(new_order("order1")))
        assert not ready(engine)
        bench.repository.unavailable = False
        assert not (await bench.now(engine.place(new_order("order1")))).replayed
        assert ready(engine)
        await bench.advance(2)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_failed_placings_give_their_slots_back() -> None:
    """Slots that were promised to orders that were never placed serve others."""
    bench, work = Bench(), Work()
    async with bench.engine(work, concurrency=2) as engine:
        for _ in range(5):
            bench.repository.plan(Fails(), "add", 1)
            with pytest.raises(Unavailable):
                await bench.now(engine.place(new_order("order1")))
        await bench.place(engine, *order_ids(4))
        await bench.advance(1)
    assert sorted(work.finished) == order_ids(4)


@pytest.mark.parametrize("fault", [LosesAnswer(), Forgets()], ids=repr)
async def test_an_unknown_outcome_is_resolved_by_asking_again(fault: LosesAnswer | Forgets) -> None:
    """The caller gets an answer, the order is placed once, and born claimed it runs once."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.plan(fault, "add", 1, 2)
        placed = await bench.within(5, engine.place(new_order("order1")))
        assert placed.order.status is Status.PROCESSING
        await bench.advance(1)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]
    assert len(work.started) == 1


@pytest.mark.parametrize("takes_effect", [False, True])
async def test_a_placing_that_is_never_answered_has_an_end(*, takes_effect: bool) -> None:
    """After the time limit the caller hears OutcomeUnknown; asked again it is told, and what was held is worked on."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.plan(NeverAnswers(takes_effect), "add", 1)
        with pytest.raises(OutcomeUnknown):
            await bench.within(12, engine.place(new_order("order1")))
        placed = await bench.within(1, engine.place(new_order("order1")))
        assert placed.replayed is takes_effect
        await bench.advance(3)
        assert await bench.story("order1") == ["placed", "claimed", "completed"]
    assert len(work.started) == 1


async def test_a_foreign_error_after_the_commit_leaves_no_order_to_its_lease() -> None:
    """An adapter that stores, then breaks: what is born claimed under the failed call is fetched and worked on."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        bench.repository.plan(Raises(OSError("broken"), takes_effect=True), "add", 1)
        outcomes = await bench.within(5, engine.place_many([new_order(order_id) for order_id in order_ids(4)]))
        assert all(isinstance(outcome, Placed) for outcome in outcomes)
        await bench.advance(3)
    for order_id in order_ids(4):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_the_engine_becomes_ready_again_although_nobody_asks() -> None:
    """Without a worker and without traffic, which a proxy keeps away while it is not ready, an outage still ends."""
    bench = Bench()
    async with bench.engine() as engine:
        bench.repository.unavailable = True
        with pytest.raises(Unavailable):
            await bench.now(engine.place(new_order("order1")))
        await bench.advance(10)
        assert not ready(engine)
        bench.repository.unavailable = False
        await bench.advance(1)
        assert ready(engine)


async def test_a_repository_that_hangs_does_not_keep_all_who_wait_until_their_own_turn() -> None:
    """Whoever has waited as long as a call may take is answered when a transaction fails: nothing was stored."""
    bench = Bench()
    async with bench.engine(request_seconds=10, batch_orders=1) as engine:
        bench.repository.plan(NeverAnswers(), "add")
        calls = [asyncio.ensure_future(engine.place(new_order(order_id))) for order_id in order_ids(50)]
        await bench.advance(25)
        assert all(call.done() for call in calls)
        errors = [type(call.exception()) for call in calls]
        assert errors[1:] == [Unavailable] * 49
        bench.repository.heal()
        placed = await bench.within(30, engine.place(new_order("later")))
        assert not placed.replayed
        assert await bench.statuses() == {Status.PENDING}


async def test_a_repository_that_is_slow_refuses_nobody() -> None:
    """Orders that wait much longer than one call may take are stored all the same, as long as calls are answered."""
    bench = Bench()
    async with bench.engine(request_seconds=10, batch_orders=1) as engine:
        bench.repository.plan(IsSlow(2), "add")
        calls = [asyncio.ensure_future(engine.place(new_order(order_id))) for order_id in order_ids(20)]
        await bench.advance(50)
        assert [call.result().replayed for call in calls] == [False] * 20
