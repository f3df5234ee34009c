"""Metrics are exact: running counters equal the fold of the history, and sums are integers (promise P8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.commands import Action
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import Counters, Statistics, fold_statistics, processing_microseconds
from order_engine.domain.order import Order, Status, evolve
from tests.unit.domain.strategies import (
    PLACEMENT,
    Life,
    Step,
    after,
    claimed,
    live,
    placed,
    steps,
    terms,
    thorough,
    told_by,
)


def _lives(stories: Sequence[Sequence[Step]]) -> list[Life]:
    return [live(PLACEMENT._replace(order_id=f"order{number}"), story) for number, story in enumerate(stories)]


many_lives = st.lists(st.lists(steps, max_size=15), max_size=4).map(_lives)


def counted(lives: Sequence[Life]) -> Statistics:
    """Count every step that has an event, as a repository does."""
    counters = Counters()
    for life in lives:
        for step in life.steps:
            if step.after is not None and step.event is not None:
                counters.record(step.before, step.after)
    return counters.statistics()


def completed(seconds: float, order_id: str = "order1") -> Order:
    """Return an order that was completed so many seconds after its claim."""
    order = claimed(placed(PLACEMENT._replace(order_id=order_id)), after(5))
    return told_by(order, Action.COMPLETE, after(5 + seconds))


@thorough
@given(many_lives, st.randoms(use_true_random=False))
def test_counters_are_the_fold_of_the_history(lives: list[Life], chance: Random) -> None:
    """Whatever happened, and however the events of several orders are mixed."""
    events = mixed([life.events for life in lives], chance)
    assert counted(lives) == fold_statistics(events)


def mixed(histories: list[list[Event]], chance: Random) -> list[Event]:
    """Mix histories at random, each of them in its own order."""
    order = [number for number, history in enumerate(histories) for _ in history]
    chance.shuffle(order)
    sources = [iter(history) for history in histories]
    return [next(sources[number]) for number in order]


@thorough
@given(many_lives)
def test_every_order_is_counted_once(lives: list[Life]) -> None:
    """The five statuses add up to the orders ever placed, and are those that the orders have."""
    statistics = counted(lives)
    statuses = [life.order.status for life in lives]
    assert statistics.total_orders == sum(statistics.status_counts.values()) == len(lives)
    assert statistics.status_counts == {status: statuses.count(status) for status in Status}
    assert statistics.processing_microseconds == sum(processing_microseconds(life.order) for life in lives)


def test_nothing_has_happened_yet() -> None:
    """All five statuses are there with 0, and the average is 0 before the first completion."""
    for statistics in (Counters().statistics(), fold_statistics([])):
        assert statistics == Statistics(0, dict.fromkeys(Status, 0), 0)
        assert statistics.average_processing_time == 0.0


@pytest.mark.parametrize("action", [Action.FAIL, Action.RETRY, Action.CANCEL])
def test_only_completed_orders_have_a_processing_time(action: Action) -> None:
    """What failed, waits or was cancelled took no time in this sense."""
    order = told_by(claimed(placed(), after(5)), action, after(100))
    counters = Counters()
    counters.record(None, order)
    assert processing_microseconds(order) == 0
    assert counters.statistics().average_processing_time == 0.0


def test_the_processing_time_runs_from_the_first_claim_of_the_round() -> None:
    """Waiting before it does not count, retries in between do, an earlier round does not."""
    failed = told_by(claimed(placed(), after(100)), Action.FAIL, after(1000))
    first = claimed(told_by(failed, Action.REDRIVE, after(2000)), after(3000))
    second = claimed(told_by(first, Action.RETRY, after(3001), delay=60), after(3061), terms("claim2"))
    assert processing_microseconds(told_by(second, Action.COMPLETE, after(3062.5))) == 62_500_000


def test_the_fold_starts_anew_with_each_round() -> None:
    """Events alone tell it: the claim before a redrive is not that of the completion after it."""
    history = [
        Event("order1", 1, EventType.PLACED, Status.PENDING, after(0)),
        Event("order1", 2, EventType.CLAIMED, Status.PROCESSING, after(100), 1, 1),
        Event("order1", 3, EventType.FAILED, Status.FAILED, after(1000), 1, 1),
        Event("order1", 4, EventType.REDRIVEN, Status.PENDING, after(2000)),
        Event("order1", 5, EventType.CLAIMED, Status.PROCESSING, after(3000), 2, 1),
        Event("order1", 6, EventType.RETRIED, Status.PROCESSING, after(3001), 2, 1),
        Event("order1", 7, EventType.CLAIMED, Status.PROCESSING, after(3061), 3, 2),
        Event("order1", 8, EventType.COMPLETED, Status.COMPLETED, after(3062.5), 3, 2),
    ]
    assert fold_statistics(history).average_processing_time == 62.5
    assert fold_statistics(history[:-1]).average_processing_time == 0.0


def test_the_average_is_in_seconds() -> None:
    """The sum of the microseconds over the completed orders."""
    counters = Counters()
    for number, seconds in enumerate((1.0, 2.0, 0.000001)):
        counters.record(None, completed(seconds, f"order{number}"))
    assert counters.statistics().processing_microseconds == 3_000_001
    assert counters.statistics().average_processing_time == pytest.approx(1.0000003333)


def test_sums_are_exact_beyond_the_precision_of_a_float() -> None:
    """A float would lose the last microseconds of a sum over 2^53; a hundred million orders get there."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    counters = Counters()
    for microseconds in (2**53, 1, 1, 1):
        ended = evolve(
            completed(1.0),
            {"processing_started_at": start, "ended_at": start + timedelta(microseconds=microseconds)},
        )
        counters.record(None, ended)
    assert counters.statistics().processing_microseconds == 2**53 + 3
    assert type(counters.statistics().processing_microseconds) is int


@thorough
@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=20))
def test_the_average_is_the_exact_mean_rounded_once(durations: list[int]) -> None:
    """It agrees with the exact fraction to the last digits of a float."""
    statistics = Statistics(
        len(durations), dict.fromkeys(Status, 0) | {Status.COMPLETED: len(durations)}, sum(durations)
    )
    exact = Fraction(sum(durations), len(durations) * 10**6)
    assert statistics.average_processing_time == pytest.approx(float(exact), rel=1e-15)


def test_statistics_are_those_of_one_moment() -> None:
    """What is counted afterwards does not change statistics that were read, nor can a reader change the counters."""
    counters = Counters()
    counters.record(None, placed())
    read = counters.statistics()
    counters.record(placed(), claimed(placed()))
    assert read.status_counts[Status.PENDING] == 1
    assert counters.statistics().status_counts[Status.PENDING] == 0
    with pytest.raises(TypeError):
        read.status_counts[Status.PENDING] = 5  # type: ignore[index]
