"""What the engine tells of itself, and the observer that is there when nobody brings one."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import cast

import pytest

from order_engine import NewOrder, Order, OrderEngine, Rejected, Unavailable
from order_engine.application.log.observer import GuardedObserver, LogObserver
from order_engine.domain.commands import Action, Command
from order_engine.domain.decisions import RefusalReason
from order_engine.ports.observer import (
    AttemptFailed,
    AttemptSuperseded,
    AttemptsVanished,
    Committed,
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
from order_engine.ports.repository import Applied
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import Bench, Work, hangs, order_ids, raises, takes

COMMAND = Command("order1", Action.COMPLETE, token=3)
FAILURE = Command("order1", Action.RETRY, token=3, delay=1.5, reason="ValueError: boom")
LAST_FAILURE = Command("order1", Action.FAIL, token=3, reason="ValueError: boom")
ORDER = cast("Order", SimpleNamespace(order_id="order1", attempt=2, token=3, vanished=10, trace_parent=None))


class Unreadable(Exception):
    """An error that cannot tell itself."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError


@pytest.mark.parametrize(
    ("fact", "level", "words"),
    [
        (
            RepositoryUnavailable("claim", Unavailable("no route")),
            logging.WARNING,
            "repository unavailable (claim): no route",
        ),
        (RepositoryRecovered(), logging.WARNING, "repository available again"),
        (QueueUnavailable(Unavailable("no route")), logging.WARNING, "queue unavailable"),
        (OrderLocked("order1", "complete"), logging.WARNING, "order order1 is locked"),
        (HintsDropped(7), logging.WARNING, "left 7 orders to the poll"),
        (ReportFailed(COMMAND, ValueError("x")), logging.WARNING, "report on order order1"),
        (AttemptSuperseded("order1", 3), logging.WARNING, "attempt on order order1 with token 3 superseded"),
        (ProcessorStuck("order1", 3), logging.WARNING, "ignores cancellation"),
        (Reported([COMMAND], [Applied(RefusalReason.LOST, None)]), logging.WARNING, "superseded"),
        (AttemptFailed(ORDER, FAILURE, None, 1.0), logging.WARNING, "attempt 2 of order order1 failed, retry in 1.5 s"),
        (AttemptFailed(ORDER, LAST_FAILURE, None, 1.0), logging.WARNING, "order order1 failed after attempt 2"),
        (AttemptsVanished(ORDER), logging.WARNING, "10 attempts vanished"),
    ],
    ids=lambda case: type(case).__name__,
)
def test_the_log_tells_what_an_operator_should_know(
    fact: Fact, level: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each fact that is trouble, or the end of it, is one line in the log `order_engine`."""
    with caplog.at_level(logging.DEBUG, logger="order_engine"):
        LogObserver(ManualClock()).observe(fact)
    assert [(record.name, record.levelno) for record in caplog.records] == [("order_engine", level)]
    assert words in caplog.text


async def test_a_failed_attempt_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    """As a field, so that whoever looks at a trace finds why its order was tried again."""
    bench = Bench()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with bench.engine(Work(raises(lambda: Rejected("no")))) as engine:
        for order_id, trace_parent in (("order1", f"00-{trace}-00f067aa0ba902b7-01"), ("order2", None)):
            wanted = NewOrder(
                order_id=order_id, user_id="user1", item_ids=["item1"], total_amount=1, trace_parent=trace_parent
            )
            await bench.now(engine.place(wanted))
        await bench.settle()
    observer = LogObserver(ManualClock())
    for fact in bench.facts.of(AttemptFailed):
        observer.observe(fact)
    fields = ("order_id", "attempt", "token", "trace_id")
    assert [tuple(getattr(record, name, None) for name in fields) for record in caplog.records] == [
        ("order1", 1, 1, trace),
        ("order2", 1, 1, None),
    ]


def test_a_superseded_attempt_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    """Its report is the last that is heard of it here."""
    parents = {"order1": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    LogObserver(ManualClock()).observe(Reported([COMMAND], [Applied(RefusalReason.LOST, None)], parents))
    told = "attempt on order order1 with token 3 superseded (trace 4bf92f3577b34da6a3ce929d0e0e4736)"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_an_outage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Its first failure is a warning and the others are details, until the repository is back."""
    observer = LogObserver(ManualClock())
    outage: list[Fact] = [
        RepositoryUnavailable("add", Unavailable()),
        RepositoryUnavailable("add", Unavailable()),
        RepositoryRecovered(),
    ]
    with caplog.at_level(logging.DEBUG, logger="order_engine"):
        for fact in outage * 2:
            observer.observe(fact)
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.DEBUG, logging.WARNING] * 2


@pytest.mark.parametrize(
    "fact", [Committed("add", 5, 0.1), Reported([COMMAND], [Applied(None, None)])], ids=lambda fact: type(fact).__name__
)
def test_the_log_is_silent_about_ordinary_work(fact: Fact, caplog: pytest.LogCaptureFixture) -> None:
    """A log line per order would be the slowest part of the engine."""
    with caplog.at_level(logging.DEBUG, logger="order_engine"):
        LogObserver(ManualClock()).observe(fact)
    assert caplog.records == []


def test_an_observer_that_raises_is_kept_away_from_the_engine(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, and goes no further."""

    class Broken:
        """An observer that breaks its contract."""

        def observe(self, fact: Fact) -> None:
            """Fail."""
            raise RuntimeError(fact)

    GuardedObserver(Broken(), ManualClock()).observe(RepositoryRecovered())
    assert "observer raised" in caplog.text


async def test_a_broken_observer_does_not_touch_the_work() -> None:
    """Orders are placed and completed as ever."""
    bench = Bench()

    class Broken:
        """An observer that breaks its contract."""

        def observe(self, fact: Fact) -> None:
            """Fail."""
            raise RuntimeError(fact)

    logging.getLogger("order_engine").disabled = True
    engine = OrderEngine(
        repository=bench.repository, queue=bench.queue, clock=bench.clock, processor=Work(), observer=Broken()
    )
    try:
        await engine.__aenter__()
        await bench.place(engine, "order1")
        await bench.advance(3)
        await bench.end(engine)
    finally:
        logging.getLogger("order_engine").disabled = False
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_every_transaction_is_told_with_its_size_and_duration() -> None:
    """What an operator measures: which operation, how many orders, how long."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 1))) as engine:
        await bench.place(engine, *order_ids(3))
        await bench.advance(2)
    committed = bench.facts.of(Committed)
    assert {fact.operation for fact in committed} >= {"add", "claim", "apply"}
    assert sum(fact.orders for fact in committed if fact.operation == "add") == 3
    assert sum(fact.orders for fact in committed if fact.operation == "apply") == 3
    assert all(fact.seconds >= 0 for fact in committed)


async def test_every_report_is_told_with_its_answer() -> None:
    """Completed, failed and cancelled attempts alike."""
    bench = Bench()
    async with bench.engine(Work(raises(Rejected))) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
    async with bench.engine(Work(hangs), repository=bench.connect()) as engine:
        await bench.place(engine, "order2")
        await bench.now(engine.cancel("order2"))
        await bench.settle()
    said = [(command.order_id, command.action) for fact in bench.facts.of(Reported) for command in fact.commands]
    assert said == [("order1", Action.FAIL), ("order2", Action.RELEASE)]


async def test_an_error_that_cannot_tell_itself_is_told_all_the_same() -> None:
    """A repository's error whose text raises is one AdapterFault like any other, and the engine lives."""
    bench = Bench()
    bench.repository.refuse_batches(lambda _: Unreadable())
    async with bench.engine(Work()) as engine:
        await bench.advance(5)
        assert bench.facts.of(RepositoryUnavailable)
        bench.repository.refuse_batches(lambda _: None)
        await bench.advance(1.5)
        await bench.place(engine, "order1")
        await bench.advance(5)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]
