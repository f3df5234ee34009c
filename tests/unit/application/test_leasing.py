"""Leases: renewed while the work lasts, left in time when they cannot be, and worth nothing once superseded."""

from __future__ import annotations

import asyncio

import pytest

from order_engine import Order, Status
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.content.validation import validate
from order_engine.domain.suspects import SuspectRoom
from order_engine.ports.observer import AttemptSuperseded, LoopBlocked, ProcessorStuck, Reported
from tests.unit.application.bench import Bench, Work, at, first_then, hangs, new_order, order_ids, takes
from tests.unit.application.faults import AnswersShort, Fails, IsSlow, NeverAnswers


async def test_a_long_processor_is_not_taken_over() -> None:
    """Renewals keep an order with its worker far past the first lease, beside a free engine that would take it."""
    bench = Bench()
    work, other = Work(takes(bench, 200)), Work()
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        async with bench.engine(other, repository=bench.connect()):
            await bench.advance(201)
            assert await bench.story("order1") == ["placed", "claimed", "completed"]
    assert other.started == []


async def test_renewals_do_not_stop_for_one_that_failed() -> None:
    """Two failed renewals in a row endanger nothing: the third comes before the margin."""
    bench = Bench()
    work = Work(takes(bench, 100))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        for _ in range(3):
            bench.repository.plan(Fails(), "renew", 1, 2)
            await bench.advance(30)
        await bench.advance(15)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_a_renewal_that_hangs_leaves_time_for_another() -> None:
    """A renewal that is never answered is given up early enough for the next try to save the lease."""
    bench = Bench()
    work = Work(takes(bench, 100))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(NeverAnswers(), "renew", 1)
        await bench.advance(60)
        bench.repository.plan(NeverAnswers(takes_effect=True), "renew", 1)
        await bench.advance(45)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


@pytest.mark.parametrize("lease_seconds", [1.0, 5.0])
async def test_a_short_lease_survives_a_renewal_that_hangs(lease_seconds: float) -> None:
    """The time limit of a renewal follows the lease, however long a request may take."""
    bench = Bench()
    work = Work(takes(bench, 4 * lease_seconds))
    async with bench.engine(work, lease_seconds=lease_seconds, request_seconds=10) as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(NeverAnswers(), "renew", 1)
        await bench.advance(5 * lease_seconds)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_a_renewal_that_is_answered_short_harms_nobody() -> None:
    """An adapter that forgets a lease in its answer does not kill the engine; the renewal is made again."""
    bench = Bench()
    work = Work(takes(bench, 50))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1", "order2")
        bench.repository.plan(AnswersShort(), "renew", 1)
        await bench.advance(60)
        assert engine.ready
    assert await bench.story("order1") == await bench.story("order2") == ["placed", "claimed", "completed"]


async def test_a_worker_stops_before_a_lease_that_it_could_not_renew_ends() -> None:
    """With the repository away the processor is cancelled before the lease ends, and released when it is back.

    It counts neither as a failure nor as an attempt that vanished: an outage is nobody's failed attempt.
    """
    bench = Bench()
    stopped_at: list[float] = []

    async def deed(order: Order) -> None:
        try:
            await hangs(order)
        finally:
            stopped_at.append(at(bench))

    async with bench.engine(Work(first_then(deed))) as engine:
        await bench.place(engine, "order1")
        bench.repository.unavailable = True
        await bench.advance(100)
        assert len(stopped_at) == 1
        assert 20 <= stopped_at[0] < 30
        bench.repository.unavailable = False
        await bench.advance(5)
    order = await bench.order("order1")
    assert await bench.story("order1") == ["placed", "claimed", "released", "claimed", "completed"]
    assert (order.failures, order.vanished, order.attempts) == (0, 0, 1)


@pytest.mark.parametrize("operation", ["add", "claim", "renew"])
async def test_a_lease_counts_from_when_it_was_asked_for(operation: str) -> None:
    """However late the answer came: the repository may have given the lease the moment it was asked.

    So a processor that cannot renew stops in the last part of the lease as counted from there, not from the answer.
    """
    bench, work = Bench(), Work(first_then(hangs))
    async with bench.engine(work, concurrency=1, request_seconds=10) as engine:
        if operation == "claim":
            await bench.store.add([validate(new_order("order1"), "")])
        slow = 4.0
        bench.repository.plan(IsSlow(slow), operation, 1)
        placing = None if operation == "claim" else asyncio.ensure_future(engine.place(new_order("order1")))
        asked = await _asked_at(bench, operation)
        await bench.advance(slow + 1)
        assert work.running == ["order1"]
        bench.repository.plan(Fails(), "renew")
        while work.running:
            await bench.advance(0.25)
        assert at(bench) <= asked + 30 * 5 / 6 + 2.5
        bench.repository.heal()
        if placing is not None:
            await placing


async def _asked_at(bench: Bench, operation: str) -> float:
    """Wait until a call of this operation is made, and return when that was."""
    before = bench.repository.count(operation)
    while bench.repository.count(operation) == before:
        await bench.advance(0.25)
    return at(bench)


async def test_a_late_renewal_holds_where_nobody_took_the_order() -> None:
    """After a short outage the processor goes on under the same token, as if nothing had been."""
    bench = Bench()
    work = Work(takes(bench, 60))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        bench.repository.unavailable = True
        await bench.advance(22)
        bench.repository.unavailable = False
        await bench.advance(45)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]
    assert work.cancelled == []


async def test_a_superseded_attempt_is_refused_and_the_other_counts() -> None:
    """Two engines, the first cut off past its lease: the second's completion counts, the first's is refused (P2)."""
    bench, freed = Bench(), asyncio.Event()
    paused, work = Work(bench.stubborn(freed)), Work()
    cut_off = bench.connect()
    async with bench.engine(paused, repository=cut_off) as first:
        await bench.place(first, "order1")
        await bench.settle()
        cut_off.unavailable = True
        async with bench.engine(work):
            await bench.advance(50)
            assert await bench.status("order1") is Status.COMPLETED
            assert work.started_ids == ["order1"]
            told = len(bench.facts.of(Reported))
            freed.set()
            cut_off.unavailable = False
            await bench.advance(5)
            refusals = [
                answer.refusal for fact in bench.facts.of(Reported)[told:] for answer in fact.answers if answer.refusal
            ]
            assert refusals == ["lost"]
    assert await bench.story("order1") == ["placed", "claimed", "claimed", "completed"]
    assert (await bench.history("order1"))[-1].token == 2
    await bench.check_books()


async def test_a_paused_attempt_cannot_complete_what_another_is_working_on() -> None:
    """The first comes back while the second still works: its completion under the old token changes nothing."""
    bench, freed = Bench(), asyncio.Event()
    paused, work = Work(bench.stubborn(freed)), Work(takes(bench, 100))
    cut_off = bench.connect()
    async with bench.engine(paused, repository=cut_off, stop_seconds=1000) as first:
        await bench.place(first, "order1")
        await bench.settle()
        cut_off.unavailable = True
        async with bench.engine(work):
            await bench.advance(50)
            assert work.running == ["order1"]
            freed.set()
            cut_off.unavailable = False
            await bench.advance(5)
            assert await bench.story("order1") == ["placed", "claimed", "claimed"]
            await bench.advance(100)
    assert await bench.story("order1") == ["placed", "claimed", "claimed", "completed"]
    await bench.check_books()


async def test_a_renewal_that_finds_the_order_taken_stops_the_processor() -> None:
    """Whoever learns that its token is not current stops its processor, tells the observer and reports nothing."""
    bench = Bench()
    paused, work = Work(hangs), Work(takes(bench, 100))
    cut_off = bench.connect()
    # The watch would stop it; a lease that is longer for the holder than for the store stands for a paused process.
    async with bench.engine(paused, repository=cut_off) as first:
        await bench.place(first, "order1")
        await bench.settle()
        cut_off.plan(Fails(), "renew")
        bench.clock.jump(31)
        async with bench.engine(work):
            await bench.advance(11)
            assert work.running == ["order1"]
            cut_off.heal()
            await bench.advance(15)
            assert paused.cancelled == ["order1"]
            assert [fact.order_id for fact in bench.facts.of(AttemptSuperseded)] == ["order1"]
            await bench.advance(100)
    assert await bench.story("order1") == ["placed", "claimed", "claimed", "completed"]


async def test_a_stubborn_processor_at_the_end_of_its_lease_is_given_up() -> None:
    """One that ignores the stop before its lease ends is told of as stuck; the order goes on when released."""
    bench, freed = Bench(), asyncio.Event()
    work = Work(first_then(bench.stubborn(freed)))
    async with bench.engine(work, stop_seconds=2) as engine:
        await bench.place(engine, "order1")
        bench.repository.unavailable = True
        await bench.advance(40)
        assert [fact.order_id for fact in bench.facts.of(ProcessorStuck)] == ["order1"]
        bench.repository.unavailable = False
        await bench.advance(5)
        assert await bench.story("order1") == ["placed", "claimed", "released", "claimed", "completed"]
        freed.set()
    order = await bench.order("order1")
    assert (order.failures, order.vanished) == (0, 0)


async def test_many_leases_are_renewed_in_batches() -> None:
    """More leases than a transaction takes are renewed all the same, in several."""
    bench = Bench()
    work = Work(takes(bench, 70))
    async with bench.engine(work, batch_orders=10) as engine:
        await bench.place(engine, *order_ids(35))
        await bench.advance(75)
        counts = (await bench.check_books()).status_counts
    assert counts[Status.COMPLETED] == 35
    assert len(work.started) == 35
    assert max(len(items) for items in bench.repository.items_of("renew")) == 10


async def test_time_of_day_does_not_matter_to_the_worker() -> None:
    """A time of day that is set back by a day stops no processor: the worker counts monotonic seconds."""
    bench = Bench()
    work = Work(takes(bench, 60))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        bench.clock.jump(-86_400)
        await bench.advance(65)
    assert work.cancelled == []
    assert await bench.status("order1") is Status.COMPLETED


async def test_leases_that_ended_while_the_loop_was_blocked_are_renewed_before_anybody_is_stopped() -> None:
    """A processor that blocks harms its neighbours no further: nobody has taken them, so they go on."""
    bench = Bench()
    work = Work(takes(bench, 100))
    async with bench.engine(work, lease_seconds=30) as engine:
        await bench.place(engine, *order_ids(50))
        await bench.advance(12)
        bench.block(40)
        await bench.advance(100)
    assert sorted(work.finished) == sorted(order_ids(50))
    assert len(work.started) == 50
    assert [37 < fact.seconds <= 40 for fact in bench.facts.of(LoopBlocked)] == [True]


async def test_what_others_took_while_the_loop_was_blocked_is_stopped() -> None:
    """The other process's attempt counts; ours ends as soon as the repository has said so."""
    bench = Bench()
    work = Work(takes(bench, 100))
    async with bench.engine(work, lease_seconds=30) as engine:
        await bench.place(engine, "order1", "order2")
        await bench.advance(12)
        bench.block(40)
        others = ClaimTerms(claim_id="others", limit=1, lease_seconds=30, max_deliveries=10, suspects=SuspectRoom(1000))
        taken = (await bench.store.claim(others)).orders[0].order_id
        await bench.advance(1)
        assert work.cancelled == [taken]
        assert [fact.order_id for fact in bench.facts.of(AttemptSuperseded)] == [taken]


async def test_leases_that_cannot_be_renewed_after_a_block_end_their_attempts() -> None:
    """Where the repository does not answer either, nobody knows whose they are."""
    bench = Bench()
    work = Work(takes(bench, 100))
    async with bench.engine(work, lease_seconds=30) as engine:
        await bench.place(engine, "order1")
        await bench.advance(12)
        bench.repository.plan(Fails(), "renew")
        bench.block(40)
        await bench.advance(8)
        assert work.cancelled == ["order1"]


async def test_a_short_delay_of_the_loop_is_not_worth_a_word() -> None:
    """Less than one look at the leases."""
    bench = Bench()
    async with bench.engine(Work(), lease_seconds=30):
        await bench.advance(12)
        bench.block(2)
        await bench.advance(20)
    assert bench.facts.of(LoopBlocked) == []


async def test_the_time_of_a_block_is_not_charged_to_attempts() -> None:
    """No processor could do anything meanwhile: none is out of time for it."""
    bench = Bench()
    work = Work(takes(bench, 20))
    async with bench.engine(work, lease_seconds=30, attempt_seconds=25) as engine:
        await bench.place(engine, "order1")
        await bench.advance(10)
        bench.block(40)
        await bench.advance(1)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]
