"""Claims bounded in bytes: smaller while they are slow, and fetched in portions where their answer got lost."""

from __future__ import annotations

from order_engine import NewOrder, OrderEngine
from order_engine.application.calls.adaptive_limit import AdaptiveLimit
from order_engine.domain.commands import ClaimTerms
from tests.unit.application.bench import Bench, SilentQueue, Work, at, order_ids
from tests.unit.application.faults import IsSlow, LosesAnswer, NeverAnswers

ROOM_FOR_FOUR = 90_000


def terms_of(bench: Bench) -> list[ClaimTerms]:
    """Return the terms of every claim, in turn."""
    return [terms for (terms,) in bench.repository.items_of("claim") if isinstance(terms, ClaimTerms)]


async def place_large(bench: Bench, orders: int) -> None:
    """Place so many orders of 20 KB by a process that works on none."""
    async with bench.engine(repository=bench.connect()) as engine:
        for order_id in order_ids(orders):
            await bench.now(engine.place(large(order_id)))


def large(order_id: str) -> NewOrder:
    """Return an order of 20 KB."""
    attributes = {"note": "x" * 20_000}
    return NewOrder(order_id=order_id, user_id="user1", item_ids=["item1"], total_amount=1, attributes=attributes)


async def all_completed(bench: Bench, engine: OrderEngine, orders: int) -> None:
    """See that every order completed in its first attempt."""
    for order_id in order_ids(orders):
        await bench.within(60, engine.wait_for(order_id))
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_a_claim_takes_what_fits_and_the_rest_follows_at_once() -> None:
    """A bound in bytes costs no time: what was left out is claimed as soon as the claim before is answered."""
    bench, work = Bench(), Work()
    await place_large(bench, 10)
    began = at(bench)
    async with bench.engine(work, queue=SilentQueue(), batch_bytes=ROOM_FOR_FOUR):
        await bench.settle()
        assert work.finished == order_ids(10)
        assert at(bench) == began


async def test_a_named_claim_that_leaves_something_out_is_followed_by_another() -> None:
    """Orders that the queue named and that did not fit wait for no poll."""
    bench, work = Bench(), Work()
    async with bench.engine(work, batch_bytes=ROOM_FOR_FOUR, poll_seconds=1000) as engine:
        await bench.settle()
        await place_large(bench, 10)
        await bench.settle()
        assert sorted(work.finished) == sorted(order_ids(10))
        await all_completed(bench, engine, 10)


async def test_an_answer_that_is_too_large_is_fetched_in_portions() -> None:
    """A claim that takes too long is asked again for less, until all that it holds is here; no attempt vanishes."""
    bench, work = Bench(), Work()
    await place_large(bench, 4)
    bench.repository.plan(NeverAnswers(takes_effect=True), "claim", 1)
    async with bench.engine(work, batch_bytes=ROOM_FOR_FOUR) as engine:
        await bench.advance(11)
        again = [terms for terms in terms_of(bench) if terms.limit == 0]
        assert [terms.after for terms in again] == [None, "order2"]
        assert {terms.claim_id for terms in again} == {terms_of(bench)[0].claim_id}
        await all_completed(bench, engine, 4)


async def test_a_portion_whose_answer_is_lost_is_asked_for_again() -> None:
    """Whatever gets lost on the way, each order is started once."""
    bench, work = Bench(), Work()
    await place_large(bench, 4)
    bench.repository.plan(NeverAnswers(takes_effect=True), "claim", 1)
    bench.repository.plan(LosesAnswer(), "claim", 2, 4)
    async with bench.engine(work, batch_bytes=ROOM_FOR_FOUR) as engine:
        await bench.advance(15)
        await all_completed(bench, engine, 4)
    assert sorted(work.started_ids) == order_ids(4)


async def test_slow_claims_ask_for_less_and_grow_again() -> None:
    """The bounds follow the answers: down while smaller claims are quicker, and up to the settings after that."""
    bench, work = Bench(), Work()
    bench.repository.plan(IsSlow(9), "claim", 1)
    bench.repository.plan(IsSlow(4), "claim", 2)
    async with bench.engine(work, batch_bytes=ROOM_FOR_FOUR, concurrency=100, batch_orders=80):
        await bench.advance(40)
    asked = [(terms.max_bytes, terms.limit) for terms in terms_of(bench)]
    assert asked[:3] == [(90_000, 80), (45_000, 40), (22_500, 20)]
    assert asked[-1] == (90_000, 80)


def test_a_server_that_is_slow_for_any_size_is_not_asked_in_ever_smaller_calls() -> None:
    """Where half as much takes as long, the size is not the reason."""
    limit = AdaptiveLimit(1000, slow_seconds=1)
    for _ in range(50):
        limit.answered(3)
        assert limit.value in {500, 1000}
    limit.failed(10)
    limit.failed(0.1)
    assert limit.value in {250, 500}
