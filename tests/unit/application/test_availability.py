"""Whether the repository answers, and how long it has been back."""

from __future__ import annotations

from order_engine import Unavailable
from order_engine.application.availability import Availability
from order_engine.ports.observer import RepositoryAway, RepositoryBack
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Facts, Work, hangs, ready
from tests.unit.application.faults import NeverAnswers


def is_away(availability: Availability) -> bool:
    """Whether it is away now."""
    return availability.away


def may_take(availability: Availability) -> bool:
    """Whether ended leases may be taken now."""
    return availability.may_take_ended_leases


async def test_ended_leases_are_not_taken_for_one_interval_after_an_outage() -> None:
    """Free to take before the first outage, not during one, and not until the interval after it is over."""
    clock, facts = ManualClock(), Facts()
    availability = Availability(clock, facts, renewal_seconds=10)
    assert may_take(availability)
    availability.failed("claim", Unavailable())
    assert not may_take(availability)
    await clock.advance(100)
    assert not may_take(availability)
    availability.answered()
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
    availability.answered()
    await clock.advance(8)
    availability.failed("claim", Unavailable())
    availability.answered()
    await clock.advance(8)
    assert not may_take(availability)
    await clock.advance(3)
    assert may_take(availability)


def test_the_observer_is_told_of_each_failure_and_of_each_return_once() -> None:
    """Answers while the repository is there are nothing to tell."""
    facts = Facts()
    availability = Availability(ManualClock(), facts, renewal_seconds=10)
    for _ in range(3):
        availability.answered()
    assert facts.told == []
    availability.failed("add", Unavailable("a"))
    availability.failed("claim", Unavailable("b"))
    assert is_away(availability)
    availability.answered()
    availability.answered()
    assert not is_away(availability)
    assert [fact.operation for fact in facts.of(RepositoryAway)] == ["add", "claim"]
    assert len(facts.of(RepositoryBack)) == 1


async def test_an_engine_is_ready_as_long_as_its_repository_answers() -> None:
    """Readiness goes and comes back with the repository, in an engine that is busy with other things."""
    bench = Bench()
    async with bench.engine(Work(hangs), concurrency=1, grace_seconds=0) as engine:
        await bench.place(engine, "order1")
        assert ready(engine)
        bench.repository.away = True
        await bench.advance(15)
        assert not ready(engine)
        bench.repository.away = False
        await bench.advance(5)
        assert ready(engine)


async def test_a_repository_that_hangs_is_away() -> None:
    """No answer within the time limit is as good as an error."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        for operation in ["claim", "statistics"]:
            bench.repository.plan(NeverAnswers(), operation)
        await bench.advance(13)
        assert not ready(engine)
        bench.repository.heal()
        await bench.advance(13)
        assert ready(engine)
