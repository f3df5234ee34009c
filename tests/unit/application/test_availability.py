"""Whether the repository answers, and how long it has been back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from order_engine import InvalidOrder, OutcomeUnknown, Unavailable
from order_engine.application.calls.availability import PROBE, Availability
from order_engine.ports.observer import RepositoryRecovered, RepositoryUnavailable
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Facts, Work, hangs, new_order, ready
from tests.unit.application.faults import Fails, NeverAnswers


def is_away(availability: Availability) -> bool:
    """Whether it is away now."""
    return availability.unavailable


def may_take(availability: Availability) -> bool:
    """Whether ended leases may be taken now."""
    return availability.may_take_ended_leases


async def test_ended_leases_are_not_taken_for_one_interval_after_an_outage() -> None:
    """Not during an outage, and not until the interval after it is over; nor in the first interval of a process."""
    clock, facts = ManualClock(), Facts()
    availability = Availability(clock, facts, renewal_seconds=10)
    assert not may_take(availability)
    await clock.advance(10)
    assert may_take(availability)
    availability.failed("claim", Unavailable())
    assert not may_take(availability)
    await clock.advance(100)
    assert not may_take(availability)
    availability.answered("add")
    await clock.advance(9.9)
    assert not may_take(availability)
    await clock.advance(0.2)
    assert may_take(availability)
    assert may_take(availability)


async def test_a_second_outage_starts_the_interval_again() -> None:
    """What counts is the end of the last outage."""
    clock = ManualClock()
    availability = Availability(clock, Facts(), renewal_seconds=10)
    availability.failed("claim", Unavailable())
    availability.answered("add")
    await clock.advance(8)
    availability.failed("claim", Unavailable())
    availability.answered("add")
    await clock.advance(8)
    assert not may_take(availability)
    await clock.advance(3)
    assert may_take(availability)


async def test_ended_leases_are_not_taken_for_one_interval_after_the_process_stood_still() -> None:
    """A process that runs says so again and again; a pause of more than an interval counts like an outage."""
    clock = ManualClock()
    availability = Availability(clock, Facts(), renewal_seconds=10)
    availability.heartbeat()
    await clock.advance(9)
    for _ in range(5):
        availability.heartbeat()
        await clock.advance(9)
        assert may_take(availability)
    await clock.advance(11)
    for _ in range(3):
        assert not may_take(availability)
        await clock.advance(3.3)
    availability.heartbeat()
    await clock.advance(0.2)
    assert may_take(availability)


async def test_a_process_that_stood_still_does_not_take_its_own_orders() -> None:
    """When it goes on with ended leases it renews them first, and counts no attempt that vanished."""
    bench, work = Bench(), Work(hangs)
    async with bench.engine(work, grace_seconds=0) as engine:
        await bench.place(engine, "order1")
        await bench.advance(1)
        # Nobody wakes while the process stands still; then everything is due at once.
        bench.block(100)
        await bench.advance(15)
        assert await bench.story("order1") == ["placed", "claimed"]
        assert work.running == ["order1"]
        assert (await bench.order("order1")).vanished == 0


def test_the_observer_is_told_of_each_failure_and_of_each_return_once() -> None:
    """Answers while the repository is there are nothing to tell."""
    facts = Facts()
    availability = Availability(ManualClock(), facts, renewal_seconds=10)
    for _ in range(3):
        availability.answered("add")
    assert facts.told == []
    availability.failed("add", Unavailable("a"))
    availability.failed("claim", Unavailable("b"))
    assert is_away(availability)
    availability.answered("add")
    availability.answered("add")
    assert not is_away(availability)
    assert [fact.operation for fact in facts.of(RepositoryUnavailable)] == ["add", "claim"]
    assert len(facts.of(RepositoryRecovered)) == 1


async def test_an_engine_is_ready_as_long_as_its_repository_answers() -> None:
    """Readiness goes and comes back with the repository, in an engine that is busy with other things."""
    bench = Bench()
    async with bench.engine(Work(hangs), concurrency=1, grace_seconds=0) as engine:
        await bench.place(engine, "order1")
        assert ready(engine)
        bench.repository.unavailable = True
        await bench.advance(15)
        assert not ready(engine)
        bench.repository.unavailable = False
        await bench.advance(5)
        assert ready(engine)


def test_after_a_write_has_failed_only_a_write_tells_that_the_repository_is_back() -> None:
    """A full disk can be read, and claims find nothing to write: neither says that an order could be placed."""
    availability = Availability(ManualClock(), Facts(), renewal_seconds=10)
    availability.failed("add", Unavailable())
    for operation in ("get", "statistics", "claim"):
        availability.answered(operation)
        assert is_away(availability)
    availability.answered(PROBE)
    assert not is_away(availability)


def test_after_a_question_has_failed_any_answer_tells_that_the_repository_is_back() -> None:
    """Nothing is known against its writing."""
    availability = Availability(ManualClock(), Facts(), renewal_seconds=10)
    availability.failed("get", Unavailable())
    availability.answered("statistics")
    assert not is_away(availability)


async def test_an_engine_that_nobody_asks_notices_an_outage() -> None:
    """Without a worker and without traffic, it asks by itself now and then: a proxy hears soon that it is not ready."""
    bench = Bench()
    async with bench.engine(poll_seconds=1) as engine:
        await bench.advance(10)
        assert ready(engine)
        bench.repository.unavailable = True
        await bench.advance(5)
        assert not ready(engine)
        bench.repository.unavailable = False
        await bench.advance(2)
        assert ready(engine)


async def test_an_idle_engine_finds_out_that_its_repository_takes_writes_again() -> None:
    """It tries with a transaction that changes nothing; questions that are answered meanwhile do not make it ready."""
    bench = Bench()
    async with bench.engine() as engine:
        bench.repository.plan(Fails(), "add")
        bench.repository.plan(Fails(), "apply")
        with pytest.raises(Unavailable):
            await bench.now(engine.place(new_order("order1")))
        await bench.now(engine.metrics())
        await bench.advance(5)
        assert not ready(engine)
        bench.repository.heal()
        await bench.advance(5)
        assert ready(engine)


async def test_a_repository_that_hangs_is_away() -> None:
    """No answer within the time limit is as good as an error."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        for operation in ["claim", "apply"]:
            bench.repository.plan(NeverAnswers(), operation)
        await bench.advance(13)
        assert not ready(engine)
        bench.repository.heal()
        await bench.advance(13)
        assert ready(engine)


# Known outages


@pytest.mark.parametrize("reads", [False, True])
async def test_a_known_outage_keeps_nobody_waiting(*, reads: bool) -> None:
    """The first call waits for its limit; once a probe has failed too, others are refused at once."""
    bench = Bench()
    async with bench.engine(request_seconds=10, poll_seconds=1) as engine:
        await bench.place(engine, "order1")
        for operation in ("add", "apply", "get", "statistics"):
            bench.repository.plan(NeverAnswers(), operation)
        calls: list[Callable[[], Awaitable[object]]] = [lambda: engine.place(new_order("order2"))]
        calls += [lambda: engine.cancel("order1"), lambda: engine.redrive("order1")]
        if reads:
            calls = [lambda: engine.get("order1"), engine.list, engine.metrics]
        first = asyncio.ensure_future(calls[0]())
        await bench.advance(9)
        assert not first.done()
        await bench.advance(25)
        asked = len(bench.repository.asked)
        for call in calls:
            with pytest.raises(Unavailable):
                await call()
        assert len(bench.repository.asked) == asked
        assert isinstance(first.exception(), Unavailable | OutcomeUnknown)
        bench.repository.heal()
        await bench.advance(12)
        assert (await bench.now(engine.get("order1"))).order_id == "order1"
        assert await bench.now(engine.place(new_order("order2")))


async def test_orders_are_refused_one_by_one_in_a_known_outage() -> None:
    """Those of `place_many` too; what is not valid is told so all the same."""
    bench = Bench()
    async with bench.engine(poll_seconds=1) as engine:
        bench.repository.unavailable = True
        await bench.advance(5)
        asked = len(bench.repository.asked)
        outcomes = await engine.place_many([new_order("order1"), new_order("")])
        assert [type(outcome) for outcome in outcomes] == [Unavailable, InvalidOrder]
        assert len(bench.repository.asked) == asked
        bench.repository.heal()
        await bench.advance(2)


async def test_a_blip_refuses_nobody() -> None:
    """One call that fails is no outage: the next is tried, and succeeds."""
    bench = Bench()
    async with bench.engine(poll_seconds=1) as engine:
        bench.repository.plan(Fails(), "add", 1)
        with pytest.raises(Unavailable):
            await bench.now(engine.place(new_order("order1")))
        assert await bench.now(engine.place(new_order("order1")))


async def test_an_outage_is_over_within_a_poll() -> None:
    """The engine asks by itself, so that nobody has to try in vain."""
    bench = Bench()
    async with bench.engine(poll_seconds=1) as engine:
        bench.repository.unavailable = True
        await bench.advance(10)
        bench.repository.unavailable = False
        with pytest.raises(Unavailable):
            await engine.place(new_order("order1"))
        await bench.advance(1.1)
        assert await bench.now(engine.place(new_order("order1")))


async def test_orders_are_read_while_nothing_can_be_stored() -> None:
    """A full disk: changes are refused at once, and questions answered as ever."""
    bench = Bench()
    async with bench.engine(poll_seconds=1) as engine:
        await bench.place(engine, "order1")
        bench.repository.plan(Fails(), "add")
        bench.repository.plan(Fails(), "apply")
        with pytest.raises(Unavailable):
            await bench.now(engine.place(new_order("order2")))
        for _ in range(5):
            await bench.advance(1)
            assert (await bench.now(engine.get("order1"))).order_id == "order1"
        asked = bench.repository.count("add")
        with pytest.raises(Unavailable):
            await bench.now(engine.place(new_order("order2")))
        assert bench.repository.count("add") == asked
        bench.repository.heal()
        await bench.advance(1.1)
        assert await bench.now(engine.place(new_order("order2")))
