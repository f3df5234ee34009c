"""Cancelling and redriving, by clients and operators, at every moment of an order's life."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from order_engine import (
    ActionRefused,
    AdapterFault,
    Order,
    OrderNotFound,
    OutcomeUnknown,
    Rejected,
    RetryLater,
    Status,
    Unavailable,
    VersionMismatch,
)
from order_engine.domain.commands import Action, Command
from order_engine.domain.content.validation import validate
from tests.unit.application.bench import Bench, SilentQueue, Work, at, first_then, hangs, new_order, raises, takes
from tests.unit.application.faults import AnswersShort, Fails, Forgets, IsSlow, LosesAnswer


async def test_a_pending_order_is_cancelled_at_once() -> None:
    """Nobody works on it yet, so nobody has to be told, and nobody ever will."""
    bench, work = Bench(), Work()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
        order = await bench.now(engine.cancel("order1"))
        assert order.status is Status.CANCELLED
        async with bench.engine(work, repository=bench.connect()):
            await bench.advance(5)
    assert work.started == []
    assert await bench.story("order1") == ["placed", "cancelled"]


async def test_a_running_processor_is_told_at_once_in_the_same_process() -> None:
    """The answer says that the order is being cancelled; its processor stops without time passing."""
    bench, work = Bench(), Work(hangs)
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        order = await bench.now(engine.cancel("order1"))
        assert (order.status, order.cancel_requested) == (Status.PROCESSING, True)
        await bench.settle()
        assert work.cancelled == ["order1"]
        assert await bench.story("order1") == ["placed", "claimed", "cancel_requested", "cancelled"]


async def test_a_processor_in_another_process_is_told_at_its_next_renewal() -> None:
    """Within a third of the lease the worker hears of it and stops."""
    bench, work = Bench(), Work(hangs)
    async with bench.engine(work), bench.engine(repository=bench.connect()) as front:
        await bench.place(front, "order1")
        await bench.advance(1)
        assert work.running == ["order1"]
        await bench.now(front.cancel("order1"))
        asked = at(bench)
        while work.running:
            await bench.advance(0.5)
            assert at(bench) - asked <= 10.5
        assert await bench.story("order1") == ["placed", "claimed", "cancel_requested", "cancelled"]


async def test_a_processor_that_completes_first_wins() -> None:
    """A completion after the request, before the processor was stopped, ends the order as Completed."""
    bench = Bench()
    work = Work(takes(bench, 2))
    async with bench.engine(work), bench.engine(repository=bench.connect()) as front:
        await bench.place(front, "order1")
        await bench.advance(1)
        await bench.now(front.cancel("order1"))
        await bench.advance(3)
        assert await bench.story("order1") == ["placed", "claimed", "cancel_requested", "completed"]


async def test_a_processor_that_returns_in_spite_of_the_cancellation_has_completed() -> None:
    """In the same process as well: what counts is how the processor ends."""
    bench = Bench()

    async def deed(order: Order) -> None:
        try:
            await hangs(order)
        except asyncio.CancelledError:
            return

    async with bench.engine(Work(deed)) as engine:
        await bench.place(engine, "order1")
        await bench.now(engine.cancel("order1"))
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED


async def test_a_processor_that_fails_after_the_request_ends_as_cancelled() -> None:
    """A failure of an order that is being cancelled is not retried."""
    bench = Bench()

    async def deed(order: Order) -> None:
        try:
            await hangs(order)
        except asyncio.CancelledError as error:
            message = "cleaning up failed"
            raise ValueError(message) from error

    async with bench.engine(Work(deed)) as engine:
        await bench.place(engine, "order1")
        await bench.now(engine.cancel("order1"))
        await bench.advance(5)
    assert (await bench.story("order1"))[-1] == "cancelled"


async def test_a_stubborn_processor_does_not_keep_its_order_from_being_cancelled() -> None:
    """After `stop_seconds` the order is Cancelled although its processor goes on."""
    bench, freed = Bench(), asyncio.Event()
    async with bench.engine(Work(bench.stubborn(freed)), stop_seconds=2) as engine:
        await bench.place(engine, "order1")
        await bench.now(engine.cancel("order1"))
        await bench.advance(6)
        assert await bench.status("order1") is Status.CANCELLED
        freed.set()


async def test_an_order_that_waits_for_a_retry_is_cancelled_at_once() -> None:
    """Between two attempts nobody runs it, so it ends now."""
    bench, work = Bench(), Work(raises(partial(RetryLater, 100)))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        assert (await bench.now(engine.cancel("order1"))).status is Status.CANCELLED
        await bench.advance(200)
    assert len(work.started) == 1


async def test_cancelling_twice_changes_nothing_more() -> None:
    """A second request, while the first is under way or after it, succeeds and adds no event."""
    bench, freed = Bench(), asyncio.Event()
    async with bench.engine(Work(bench.stubborn(freed))) as engine:
        await bench.place(engine, "order1")
        await bench.now(engine.cancel("order1"))
        await bench.now(engine.cancel("order1"))
        await bench.advance(20)
        assert (await bench.now(engine.cancel("order1"))).status is Status.CANCELLED
        freed.set()
    assert await bench.story("order1") == ["placed", "claimed", "cancel_requested", "cancelled"]


async def test_what_cannot_be_cancelled_says_so() -> None:
    """Unknown ids, ended orders and wrong versions are errors of their own, and change nothing."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        with pytest.raises(ActionRefused) as refused:
            await bench.now(engine.cancel("order1"))
        assert (refused.value.status, refused.value.allowed) == ("Completed", ())
        with pytest.raises(OrderNotFound):
            await bench.now(engine.cancel("nobody"))
        with pytest.raises(ActionRefused):
            await bench.now(engine.cancel("order1", expected_version=1))


async def test_another_version_than_the_expected_says_so() -> None:
    """Where the action is open at some version; else it is refused for that, whatever was expected."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
        with pytest.raises(VersionMismatch) as mismatch:
            await bench.now(engine.cancel("order1", expected_version=3))
        assert (mismatch.value.expected, mismatch.value.actual) == (3, 1)
        with pytest.raises(ActionRefused) as refused:
            await bench.now(engine.redrive("order1", expected_version=3))
        assert (refused.value.status, refused.value.allowed) == ("Pending", ("cancel",))


async def test_a_redriven_order_has_a_new_round() -> None:
    """A Failed order starts again, with all its attempts, and without waiting for the poll."""
    bench = Bench()
    work = Work(first_then(raises(Rejected)))
    async with bench.engine(work, poll_seconds=1000) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        assert await bench.status("order1") is Status.FAILED
        order = await bench.now(engine.redrive("order1"))
        assert order.round == 2
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED
        with pytest.raises(ActionRefused):
            await bench.now(engine.redrive("order1"))
        with pytest.raises(OrderNotFound):
            await bench.now(engine.redrive("nobody"))
    assert [(seen.round, seen.attempt, seen.token) for seen in work.started] == [(1, 1, 1), (2, 1, 2)]


async def test_a_redrive_wakes_another_process() -> None:
    """An engine without a worker rings for the order that it redrove."""
    bench = Bench()
    work = Work(first_then(raises(Rejected)))
    async with (
        bench.engine(work, poll_seconds=1000),
        bench.engine(repository=bench.connect()) as front,
    ):
        await bench.place(front, "order1")
        await bench.settle()
        await bench.now(front.redrive("order1"))
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED


async def test_an_attempt_that_has_not_begun_is_told_as_well() -> None:
    """A cancel that comes between a claim and the first step of its attempt: no processor sees the order."""
    bench, work = Bench(), Work()
    async with bench.engine(work, concurrency=1, poll_seconds=1000) as engine:
        worker = engine._worker  # noqa: SLF001 - no call of ours comes at that very moment
        assert worker is not None
        await bench.store.add([validate(new_order("order1"), "")])
        slots = worker.reserve_slots(1)
        assert slots is not None
        with slots:
            (order,) = (await bench.store.claim(slots.terms)).orders
            await bench.store.apply([Command("order1", Action.CANCEL)])
            worker.start_reserved(slots, [order])
        worker.cancel_requested(order)
        await bench.settle()
        assert work.started == []
        assert await bench.status("order1") is Status.CANCELLED
        await bench.place(engine, "order2")
        await bench.settle()
        assert work.finished == ["order2"]


async def test_a_redrive_is_taken_up_in_the_same_process_whatever_the_queue_loses() -> None:
    """The process knows that an order waits, and claims it without a bell and without a poll."""
    bench, work = Bench(), Work(first_then(raises(Rejected)))
    async with bench.engine(work, queue=SilentQueue(), poll_seconds=1000) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        await bench.now(engine.redrive("order1"))
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED


@pytest.mark.parametrize("fault", [LosesAnswer(), Forgets()], ids=repr)
@pytest.mark.parametrize("with_version", [False, True])
async def test_an_unanswered_action_is_found_out_about(fault: LosesAnswer | Forgets, *, with_version: bool) -> None:
    """A redrive and a cancellation whose answers get lost succeed once, also where they name a version."""
    bench = Bench()
    async with bench.engine(Work(raises(Rejected))) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        await bench.now(engine.drain())
        other = bench.connect()
        async with bench.engine(repository=other) as front:
            version = (await bench.order("order1")).version
            other.plan(fault, "apply", 1)
            order = await bench.within(15, front.redrive("order1", expected_version=version if with_version else None))
            assert (order.status, order.round) == (Status.PENDING, 2)
            other.plan(fault, "apply", 1)
            expected = order.version if with_version else None
            order = await bench.within(15, front.cancel("order1", expected_version=expected))
            assert order.status is Status.CANCELLED
    assert await bench.story("order1") == ["placed", "claimed", "failed", "redriven", "cancelled"]


async def test_a_refusal_after_a_lost_answer_that_had_no_effect_is_a_refusal() -> None:
    """Asking again after a lost call does not turn somebody else's end into a success."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
        other = bench.connect()
        async with bench.engine(Work(), repository=other):
            await bench.advance(1)
        bench.repository.plan(Forgets(), "apply", 1)
        with pytest.raises(ActionRefused):
            await bench.within(15, engine.cancel("order1", expected_version=1))


@pytest.mark.parametrize("fault", [LosesAnswer(), Forgets()], ids=repr)
async def test_a_redrive_begins_one_round_though_the_order_fails_again_before_it_is_asked_about(
    fault: LosesAnswer | Forgets,
) -> None:
    """By the time the redrive is asked for again, the order may be Failed again, which begins no further round."""
    bench = Bench()
    async with bench.engine(Work(raises(Rejected))) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        other = bench.connect()
        async with bench.engine(repository=other) as front:
            other.plan(fault, "apply", 1)
            other.plan(IsSlow(6), "apply", 2)
            await bench.within(15, front.redrive("order1"))
            await bench.advance(5)
    assert (await bench.story("order1")).count("redriven") == 1


async def test_a_redrive_that_another_one_overtook_is_tried_at_the_next_version() -> None:
    """Two operators redrive: the order fails in between, so each has begun a round of its own."""
    bench = Bench()
    other = bench.connect()
    async with bench.engine(Work(raises(Rejected))) as engine, bench.engine(repository=other) as front:
        await bench.place(engine, "order1")
        await bench.settle()
        other.plan(IsSlow(2), "apply", 1)
        slow = asyncio.ensure_future(front.redrive("order1"))
        await bench.settle()
        await bench.now(engine.redrive("order1"))
        await bench.within(15, slow)
        await bench.advance(5)
    assert (await bench.story("order1")).count("redriven") == 2


async def test_an_action_during_an_outage_fails_and_may_be_made_again() -> None:
    """Unavailable where nothing took effect, OutcomeUnknown where asking did not help, and fine afterwards."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(Fails(), "apply", 1)
        with pytest.raises(Unavailable):
            await bench.now(engine.cancel("order1"))
        bench.repository.plan(LosesAnswer(), "apply")
        with pytest.raises(OutcomeUnknown):
            await bench.within(15, engine.cancel("order1"))
        bench.repository.heal()
        await bench.advance(1.1)
        assert (await bench.now(engine.cancel("order1"))).status is Status.CANCELLED


async def test_an_action_asks_nothing_more_once_its_engine_has_stopped() -> None:
    """Whoever left the engine may have closed the repository: an action of unknown outcome says so, and is over."""
    bench = Bench()
    async with bench.engine(request_seconds=30) as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(Forgets(), "apply")
        cancelling = asyncio.ensure_future(engine.cancel("order1"))
        await bench.advance(1)
        assert not cancelling.done()
        await bench.end(engine)
        asked = bench.repository.count("apply")
        await bench.advance(5)
        assert bench.repository.count("apply") == asked
        with pytest.raises(OutcomeUnknown):
            await bench.now(cancelling)


async def test_an_answer_without_an_outcome_is_an_adapters_fault() -> None:
    """An adapter that answers nothing for one command has broken its contract, and the caller is told so."""
    bench = Bench()
    async with bench.engine() as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(AnswersShort(), "apply", 1)
        with pytest.raises(AdapterFault):
            await bench.now(engine.cancel("order1"))
