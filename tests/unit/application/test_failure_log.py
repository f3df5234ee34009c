"""What the log says of attempts that fail: which order, why, where in the user's code, and not too often."""

from __future__ import annotations

import asyncio
import logging
from typing import Unpack

import pytest

from order_engine import Order, Rejected, RetryLater, Unavailable
from order_engine.application.log.observer import LogObserver
from order_engine.application.log.quota import KINDS, LINES, LINES_OF_A_KIND, SUMMARY_SECONDS, WINDOW_SECONDS, LogQuota
from order_engine.domain.commands import Action, Command
from order_engine.domain.content.validation import validate
from order_engine.domain.decisions import RefusalReason
from order_engine.ports.observer import (
    AttemptFailed,
    AttemptsVanished,
    Fact,
    HintsDropped,
    OrderLocked,
    ProcessorStuck,
    QueueUnavailable,
    Reported,
    ReportFailed,
    RepositoryRecovered,
    RepositoryUnavailable,
)
from order_engine.ports.processor import PlainProcessor
from order_engine.ports.repository import Applied
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Deed, Options, Work, hangs, new_order, order_ids, raises, takes

HERE = "tests/unit/application/test_failure_log.py"


async def fulfil(_: Order) -> None:
    """Fail, one call deeper."""
    look_up("item1")


def look_up(item_id: str) -> None:
    """Fail."""
    raise KeyError(item_id)


def parse(_: Order) -> None:
    """Fail within the standard library."""
    int("many")


def logging_bench() -> Bench:
    """Return a bench whose engines log as one does that nobody gave an observer."""
    bench = Bench()
    bench.observer = LogObserver(bench.clock)
    return bench


async def logged(
    bench: Bench, processor: Deed | PlainProcessor, *ids: str, seconds: float = 0.0, **options: Unpack[Options]
) -> None:
    """Run a processor on orders, for so many seconds."""
    async with bench.engine(processor, **options) as engine:
        await bench.now(engine.place_many(map(new_order, ids)))
        await bench.advance(seconds)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log, without tracebacks."""
    return [record.getMessage() for record in caplog.records]


async def test_a_failed_attempt_is_one_warning_with_its_place_and_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """The place is the innermost of the user's code, and the traceback begins with it rather than with the engine's."""
    await logged(logging_bench(), fulfil, "order1", max_attempts=2)
    (record,) = caplog.records
    line = look_up.__code__.co_firstlineno + 2
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("attempt 1 of order order1 failed, retry in ")
    assert record.getMessage().endswith(f": KeyError: 'item1' ({HERE}:{line} in look_up)")
    assert (record.__dict__["order_id"], record.__dict__["attempt"]) == ("order1", 1)
    assert caplog.text.count("Traceback") == 1
    assert "in fulfil" in caplog.text
    assert "worker.py" not in caplog.text


async def test_the_place_is_the_users_where_a_library_raised(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the line wants to know which of their own lines it was; the same for a plain function."""
    bench = logging_bench()
    async with bench.engine(parse) as engine:
        await bench.place(engine, "order1")
        async with asyncio.timeout(10):
            while not caplog.records:
                await bench.settle()
    assert f"({HERE}:{parse.__code__.co_firstlineno + 2} in parse)" in caplog.text


async def test_a_failed_order_is_told_apart_from_a_retry(caplog: pytest.LogCaptureFixture) -> None:
    """Whether its attempts are used up or it was rejected, the line says that it is over."""
    await logged(logging_bench(), raises(lambda: ValueError("boom")), "order1", max_attempts=1)
    await logged(logging_bench(), raises(lambda: Rejected("no such user")), "order2")
    here = "in raises.<locals>.deed"
    assert [message.partition(" (")[0] for message in messages(caplog)] == [
        "order order1 failed after attempt 1, not retried: ValueError: boom",
        "order order2 failed after attempt 1, not retried: Rejected: no such user",
    ]
    assert all(here in message for message in messages(caplog))
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


async def test_an_error_that_says_all_has_a_traceback_only_where_it_has_a_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """RetryLater and Rejected are raised on purpose; what they were raised from may be of interest."""

    async def waits(_: Order) -> None:
        try:
            look_up("item1")
        except KeyError as error:
            raise RetryLater(60) from error

    await logged(logging_bench(), waits, "order1")
    assert "retry in 60 s: RetryLater: retry later" in caplog.text
    assert "KeyError: 'item1'" in caplog.text


async def test_a_reason_of_many_lines_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The traceback has the text as it is."""
    await logged(logging_bench(), raises(lambda: ValueError("first\nsecond\r\n  third")), "order1")
    assert "ValueError: first second third (" in messages(caplog)[0]


async def test_an_attempt_that_ran_out_of_time_says_where_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """The place is where its cancellation found it."""
    bench = logging_bench()
    await logged(bench, hangs, "order1", seconds=15, attempt_seconds=10)
    line = hangs.__code__.co_firstlineno + 2
    expected = f"TimeoutError: the attempt took longer than 10 s (tests/unit/application/bench.py:{line} in hangs)"
    assert expected in messages(caplog)[0]


async def test_an_attempt_that_ignores_its_cancellation_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows where it is; that it failed is said all the same."""
    bench, freed = logging_bench(), asyncio.Event()
    async with bench.engine(Work(bench.stubborn(freed)), attempt_seconds=10) as engine:
        await bench.place(engine, "order1")
        await bench.advance(20)
        freed.set()
    assert "ignores cancellation" in caplog.text
    assert "TimeoutError: the attempt took longer than 10 s" in caplog.text


async def test_an_order_whose_attempts_vanish_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """No processor raised anything, and still somebody has to look at it."""
    bench = logging_bench()
    await bench.store.add([validate(new_order("order1"), "")])
    for _ in range(2):
        engine = bench.build(hangs)
        await engine.__aenter__()
        await bench.advance(15)
        await bench.kill(engine)
        await bench.advance(45)
    async with bench.engine(takes(bench, 1), max_deliveries=2):
        await bench.advance(60)
    assert "order order1 failed: 2 attempts vanished" in caplog.text


async def test_an_observer_gets_the_error_and_how_long_the_attempt_ran() -> None:
    """The exception itself, the order as it was claimed, and what is going to be reported."""
    bench, boom = Bench(), ValueError("boom")

    async def late(_: Order) -> None:
        await bench.clock.sleep(3)
        raise boom

    async with bench.engine(late, max_attempts=1) as engine:
        await bench.place(engine, "order1")
        await bench.advance(4)
    (fact,) = bench.facts.of(AttemptFailed)
    assert fact.error is boom
    assert (fact.order.order_id, fact.order.attempt, fact.command.action) == ("order1", 1, Action.FAIL)
    assert 3 <= fact.seconds < 4
    assert not bench.facts.of(AttemptsVanished)


async def test_five_thousand_failures_are_a_few_lines_and_their_sum(caplog: pytest.LogCaptureFixture) -> None:
    """The first of each kind in full; every other one is counted, by kind, within seconds."""
    bench = logging_bench()

    async def fails(order: Order) -> None:
        if order.order_id.endswith("0"):
            look_up("item1")
        message = "boom"
        raise ValueError(message)

    ids = order_ids(1000)
    await logged(bench, fails, *ids, seconds=SUMMARY_SECONDS + 2, max_attempts=1)
    in_full = [message for message in messages(caplog) if message.startswith("order ")]
    summed_up = [message for message in messages(caplog) if not message.startswith("order ")]
    assert len(in_full) == 2 * LINES_OF_A_KIND
    assert len(summed_up) == 1
    assert summed_up[0].startswith("990 more orders failed in the last 1")
    assert f"ValueError at {HERE}" in summed_up[0]
    assert "(895), KeyError at" in summed_up[0]
    assert summed_up[0].endswith("in look_up (95)")


async def test_what_is_held_back_is_summed_up_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """An engine that stops before it is time says it then."""
    await logged(logging_bench(), fulfil, *order_ids(LINES_OF_A_KIND + 3), max_attempts=1)
    assert messages(caplog)[-1].startswith("3 more orders failed")


async def test_a_window_later_the_first_lines_are_written_again() -> None:
    """So that trouble that lasts shows an example now and then."""
    clock = ManualClock()
    quota = LogQuota(clock)
    assert [quota.admits("a", "b") for _ in range(LINES_OF_A_KIND + 1)] == [True] * LINES_OF_A_KIND + [False]
    assert quota.admits("a", "c")
    await clock.advance(WINDOW_SECONDS)
    assert quota.admits("a", "b")


def test_all_lines_together_are_bounded_too() -> None:
    """Many kinds at once: a line of each would be as many lines."""
    quota = LogQuota(ManualClock())
    assert sum(quota.admits("a", str(kind)) for kind in range(10 * LINES)) == LINES
    (summary,) = quota.summaries(last=True)
    assert summary.kinds.total() == 9 * LINES
    assert len(summary.kinds) == KINDS + 1


async def test_nothing_is_summed_up_before_it_is_time() -> None:
    """And nothing twice."""
    clock = ManualClock()
    quota = LogQuota(clock)
    for _ in range(LINES_OF_A_KIND + 2):
        quota.admits("a")
    assert list(quota.summaries(last=False)) == []
    await clock.advance(SUMMARY_SECONDS)
    assert [(summary.group, summary.kinds.total()) for summary in quota.summaries(last=False)] == [("a", 2)]
    await clock.advance(SUMMARY_SECONDS)
    assert list(quota.summaries(last=False)) == []


async def test_whatever_may_come_once_an_order_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Attempts that were superseded, processors that are stuck, orders that are locked, a repository that flaps."""
    clock = ManualClock()
    observer = LogObserver(clock)
    command, away = Command("order1", Action.COMPLETE, token=3), Unavailable("no route")
    facts: list[Fact] = [
        Reported([command], [Applied(RefusalReason.LOST, None)]),
        ProcessorStuck("order1", 3),
        OrderLocked("order1", "place"),
        ReportFailed(command, ValueError()),
        QueueUnavailable(away),
        HintsDropped(5),
        RepositoryUnavailable("claim", away),
        RepositoryRecovered(),
    ]
    for _ in range(1000):
        for fact in facts:
            observer.observe(fact)
    assert len(caplog.records) == LINES_OF_A_KIND * len(facts)
    caplog.clear()
    await clock.advance(SUMMARY_SECONDS)
    observer.summarize(last=False)
    assert len(caplog.records) == len(facts)
    assert all("995 more " in message for message in messages(caplog))
