"""Reports: repeated until the repository has heard them, each once, under its own token."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from order_engine import Order, OrderEngine, Rejected, Status
from order_engine.domain.commands import Action, Command
from order_engine.ports.observer import ReportFailed
from tests.unit.application.bench import Bench, Work, first_then, order_ids, takes
from tests.unit.application.faults import AnswersShort, Fault, Forgets, IsSlow, LosesAnswer, NeverAnswers, Raises


async def report_together(bench: Bench, engine: OrderEngine, fault: Fault) -> None:
    """Let four orders be reported in one transaction, the second from now, which meets `fault`."""
    bench.repository.plan(IsSlow(1), "apply", 1)
    bench.repository.plan(fault, "apply", 2)
    await bench.place(engine, "ahead", *order_ids(4))


async def test_a_report_is_repeated_until_it_is_accepted() -> None:
    """With the repository away at the end of the work, the slot is kept and the completion is made when it is back."""
    bench = Bench()
    work = Work(takes(bench, 5))
    async with bench.engine(work, concurrency=1) as engine:
        await bench.place(engine, "order1", "order2")
        await bench.advance(4)
        bench.repository.unavailable = True
        await bench.advance(60)
        assert work.started_ids == ["order1"]
        assert bench.repository.count("apply") > 10
        bench.repository.unavailable = False
        await bench.advance(20)
    for order_id in ["order1", "order2"]:
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]
    assert work.started_ids == ["order1", "order2"]


@pytest.mark.parametrize("fault", [LosesAnswer(), Forgets(), NeverAnswers(), NeverAnswers(takes_effect=True)], ids=repr)
async def test_an_unanswered_report_is_made_again_and_counts_once(fault: LosesAnswer | Forgets | NeverAnswers) -> None:
    """Whether the lost report had taken effect or not: one end, and the slot is free again."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=2) as engine:
        bench.repository.plan(fault, "apply", 1, 2)
        await bench.place(engine, *order_ids(4))
        await bench.advance(40)
    for order_id in order_ids(4):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]
    await bench.check_books()


async def test_reports_travel_together() -> None:
    """Completions that come while a transaction is under way share the next one."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        bench.repository.plan(IsSlow(1), "apply")
        await bench.place(engine, "order1")
        await bench.place(engine, *order_ids(20, "more"))
        await bench.advance(3)
    assert [len(items) for items in bench.repository.items_of("apply")] == [1, 20]


async def test_every_report_carries_the_token_of_its_attempt() -> None:
    """Token and order id of each report are those of the attempt that it speaks of, in every kind of report."""
    bench = Bench()

    async def deed(order: Order) -> None:
        if order.order_id == "order2":
            raise Rejected
        if order.token < 3:
            raise ValueError

    work = Work(deed)
    async with bench.engine(work, backoff_seconds=0.1) as engine:
        await bench.place(engine, *order_ids(3))
        await bench.advance(10)
    said = {
        (command.order_id, command.token)
        for items in bench.repository.items_of("apply")
        for command in items
        if isinstance(command, Command)
    }
    assert said == {(order.order_id, order.token) for order in work.started}
    assert len(said) == 7


async def test_a_report_that_breaks_the_adapter_harms_no_other() -> None:
    """A report that the repository chokes on is given up and told of; its neighbours end, its order goes on."""
    bench = Bench()

    def guard(items: Sequence[object]) -> BaseException | None:
        bad = any(isinstance(item, Command) and item.order_id == "bad" and item.token == 1 for item in items)
        return ValueError("cannot encode") if bad else None

    bench.repository.refuse_batches(guard)
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=6) as engine:
        await bench.place(engine, *order_ids(4), "bad")
        await bench.advance(5)
        assert [fact.command.order_id for fact in bench.facts.of(ReportFailed)] == ["bad"]
        for order_id in order_ids(4):
            assert await bench.story(order_id) == ["placed", "claimed", "completed"]
        await bench.advance(50)
        assert await bench.story("bad") == ["placed", "claimed", "claimed", "completed"]
        assert engine.ready


@pytest.mark.parametrize("error", [ValueError("foreign"), Rejected("foreign")], ids=lambda error: type(error).__name__)
async def test_an_adapter_that_raises_anything_is_asked_about_each_report(error: Exception) -> None:
    """Also an error of our own tree that the port does not allow is the adapter's fault, and no answer."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        await report_together(bench, engine, Raises(error))
        await bench.advance(5)
    for order_id in order_ids(4):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_an_answer_for_too_few_reports_is_not_believed() -> None:
    """Reports that were answered short are made again, by halves, until each has its own answer."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        await report_together(bench, engine, AnswersShort())
        await bench.advance(5)
        assert bench.facts.of(ReportFailed) == []
    for order_id in order_ids(4):
        assert await bench.story(order_id) == ["placed", "claimed", "completed"]


async def test_an_engine_that_ends_between_two_halves_ends_in_order() -> None:
    """Half of a batch's reports are answered, the others hang: the exit raises nothing and frees each once."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        bench.repository.plan(NeverAnswers(), "apply", *range(4, 100))
        await report_together(bench, engine, Raises(ValueError("foreign")))
        await bench.advance(3)
    assert [await bench.status(order_id) for order_id in order_ids(4)] == [
        Status.COMPLETED,
        Status.COMPLETED,
        Status.PROCESSING,
        Status.PROCESSING,
    ]


async def test_a_release_is_rung_for_also_where_the_repository_leaves_out_the_order() -> None:
    """A repository may answer a worker's report without the order; a released order is rung for all the same."""
    bench = Bench()

    class Terse(type(bench.repository)):  # type: ignore[misc] # the bench's own repository, made shorter
        """Answers reports without orders."""

        async def apply(self, commands: Sequence[Command]) -> Sequence[object]:
            """Apply."""
            answers = await super().apply(commands)
            return [answer._replace(order=None) for answer in answers]

    work, other = Work(takes(bench, 1000)), Work()
    async with bench.engine(work, repository=Terse(bench.store, bench.clock), concurrency=1, grace_seconds=1) as engine:
        await bench.place(engine, "order1")
        async with bench.engine(other, repository=bench.connect(), poll_seconds=1000):
            await bench.within(5, engine.drain())
            await bench.settle()
            assert other.started_ids == ["order1"]


async def test_the_action_of_each_end_is_the_right_one() -> None:
    """Returning completes, Rejected fails, any other error retries: that and nothing else is said."""
    bench = Bench()

    async def deed(order: Order) -> None:
        if order.order_id == "rejected":
            raise Rejected
        if order.order_id == "retried" and order.attempt == 1:
            raise ValueError

    async with bench.engine(Work(first_then(deed))) as engine:
        await bench.place(engine, "completed", "rejected", "retried")
        await bench.advance(5)
    said = [
        (command.order_id, command.action)
        for items in bench.repository.items_of("apply")
        for command in items
        if isinstance(command, Command)
    ]
    assert sorted(said) == [
        ("completed", Action.COMPLETE),
        ("rejected", Action.FAIL),
        ("retried", Action.COMPLETE),
        ("retried", Action.RETRY),
    ]


@pytest.mark.parametrize("outage", [7.0, 7.2, 7.4, 7.6, 7.8])
async def test_after_an_outage_a_report_is_heard_before_others_may_take_the_order(outage: float) -> None:
    """Others leave ended leases alone for a renewal interval, a third of a lease: half of it is the longest pause."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 0.1)), lease_seconds=1.2) as engine:
        await bench.place(engine, "order1")
        bench.repository.unavailable = True
        await bench.advance(outage)
        assert await bench.story("order1") == ["placed", "claimed"]
        bench.repository.unavailable = False
        await bench.advance(0.2)
        assert await bench.status("order1") is Status.COMPLETED
