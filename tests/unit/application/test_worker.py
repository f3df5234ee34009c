"""The worker: whatever a processor does, its order ends or is tried again, and its slot comes back when it may."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise

import pytest

from order_engine import Order, Rejected, RetryLater, Status
from order_engine.domain.content.text import LONGEST_REASON
from order_engine.ports.observer import ProcessorStuck
from tests.unit.application.bench import (
    Bench,
    Work,
    at,
    first_then,
    hangs,
    new_order,
    order_ids,
    raises,
    takes,
)
from tests.unit.application.faults import IsSlow


class Unreadable(Exception):
    """An error that cannot tell itself."""

    def __str__(self) -> str:
        """Fail."""
        message = "no text"
        raise RuntimeError(message)


class Unspeakable(Exception):
    """An error that tries to end the process when it is asked what it is."""

    def __str__(self) -> str:
        """Fail badly."""
        raise SystemExit


class BareRetryLater(RetryLater):
    """A RetryLater whose author forgot to call the constructor it inherits."""

    def __init__(self) -> None:
        """Keep nothing."""


class Odd(BaseException):
    """An error outside the tree of Exception."""


ERRORS: list[Callable[[], BaseException]] = [
    partial(ValueError, "boom"),
    Exception,
    Odd,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
    asyncio.CancelledError,
    TimeoutError,
    MemoryError,
    Unreadable,
    Unspeakable,
    BareRetryLater,
    partial(ValueError, "NUL \x00 and a lone surrogate \ud800"),
    partial(ValueError, "x" * 1_000_000),
    partial(BaseExceptionGroup, "several", [KeyboardInterrupt(), ValueError("one")]),
]


def name_of(case: object) -> str:
    """Return a test id for an error's maker."""
    maker = case.func if isinstance(case, partial) else case
    return getattr(maker, "__name__", "error")


async def test_a_processor_that_returns_completes_its_order() -> None:
    """One attempt, one end, and the processor got the order as it was claimed."""
    bench, work = Bench(), Work()
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        order = await bench.within(1, engine.wait_for("order1"))
    assert order.status is Status.COMPLETED
    assert [(seen.order_id, seen.round, seen.attempt, seen.token) for seen in work.started] == [("order1", 1, 1, 1)]
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_a_slow_processor_completes() -> None:
    """A processor that takes longer than its lease is renewed, and has one attempt only."""
    bench = Bench()
    work = Work(takes(bench, 100))
    async with bench.engine(work) as engine:
        await bench.place(engine, "order1")
        await bench.advance(99)
        assert await bench.status("order1") is Status.PROCESSING
        await bench.advance(2)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


@pytest.mark.parametrize("error", ERRORS, ids=name_of)
async def test_whatever_a_processor_raises_is_a_failure_that_is_retried(error: Callable[[], BaseException]) -> None:
    """Any error is one failure of one attempt: recorded, retried after the backoff, and harmless to the engine."""
    bench = Bench()
    async with bench.engine(Work(first_then(raises(error)))) as engine:
        await bench.place(engine, "order1", "order2")
        await bench.advance(3)
        assert engine.ready
    for order_id in ["order1", "order2"]:
        assert await bench.story(order_id) == ["placed", "claimed", "retried", "claimed", "completed"]
        reason = (await bench.history(order_id))[2].reason
        assert reason
        assert len(reason) <= LONGEST_REASON
        assert "\x00" not in reason
        reason.encode()
    await bench.check_books()


@pytest.mark.parametrize("error", ERRORS, ids=name_of)
async def test_whatever_a_plain_function_raises_is_a_failure_that_is_retried(
    error: Callable[[], BaseException],
) -> None:
    """The same list in a thread, whose errors have to find their way back into the loop."""
    bench = Bench()

    def function(order: Order) -> None:
        if order.attempt == 1:
            raise error()

    async with bench.engine(function) as engine:
        await bench.place(engine, "order1")
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.COMPLETED))
    assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]


async def test_failures_are_retried_until_the_attempts_are_spent() -> None:
    """The last failure ends the order as Failed, with the words of the last error."""
    bench = Bench()
    work = Work(raises(partial(ValueError, "boom")))
    async with bench.engine(work, max_attempts=3, backoff_seconds=0.1) as engine:
        await bench.place(engine, "order1")
        await bench.advance(10)
    order = await bench.order("order1")
    assert (order.status, order.failures, order.failure) == (Status.FAILED, 3, "ValueError: boom")
    assert [seen.attempt for seen in work.started] == [1, 2, 3]


async def test_a_rejected_order_is_never_retried() -> None:
    """Rejected ends the order at its first attempt, whatever attempts are left."""
    bench = Bench()
    work = Work(raises(partial(Rejected, "no such item")))
    async with bench.engine(work, max_attempts=5) as engine:
        await bench.place(engine, "order1")
        await bench.advance(100)
    order = await bench.order("order1")
    assert (order.status, order.failure) == (Status.FAILED, "Rejected: no such item")
    assert len(work.started) == 1


async def test_retry_later_chooses_the_delay_and_counts() -> None:
    """The next attempt comes after the chosen delay, not before, and the failure counts like any other."""
    bench = Bench()
    work = Work(raises(partial(RetryLater, 40, "the bank is closed")))
    async with bench.engine(work, max_attempts=2) as engine:
        await bench.place(engine, "order1")
        await bench.advance(39)
        assert len(work.started) == 1
        await bench.advance(3)
        assert len(work.started) == 2
    order = await bench.order("order1")
    assert (order.status, order.failures, order.failure) == (Status.FAILED, 2, "RetryLater: the bank is closed")


async def test_retries_keep_within_the_backoff_and_its_cap() -> None:
    """Waits between attempts grow, differ, and never exceed the cap by more than the poll."""
    bench = Bench()
    times: list[float] = []

    async def deed(_order: Order) -> None:
        times.append(at(bench))
        raise ValueError

    async with bench.engine(
        deed, max_attempts=20, backoff_seconds=1, backoff_cap_seconds=8, poll_seconds=0.1
    ) as engine:
        await bench.place(engine, "order1")
        await bench.advance(20 * 8.2)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(waits) == 19
    assert max(waits) <= 8 + 0.1
    assert len({round(wait, 1) for wait in waits}) > 10, "no jitter"
    assert max(waits) > 4, "no growth"


async def test_a_processor_that_hangs_is_cancelled_when_its_time_is_up() -> None:
    """After `attempt_seconds` the attempt is a failure that names the limit, and the next one has its chance."""
    bench = Bench()
    work = Work(first_then(hangs))
    async with bench.engine(work, attempt_seconds=60) as engine:
        await bench.place(engine, "order1")
        await bench.advance(59)
        assert work.cancelled == []
        await bench.advance(10)
        assert work.cancelled == ["order1"]
    assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]
    assert (await bench.history("order1"))[2].reason == "TimeoutError: the attempt took longer than 60 s"


async def test_a_processor_without_a_time_limit_may_take_for_ever() -> None:
    """`attempt_seconds` of 0 is no limit."""
    bench = Bench()
    work = Work(takes(bench, 2000))
    async with bench.engine(work, attempt_seconds=0, poll_seconds=10) as engine:
        await bench.place(engine, "order1")
        await bench.advance(2001)
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_a_processor_that_swallows_its_cancellation_and_returns_has_completed() -> None:
    """What counts is how the processor ends: one that returns after all has done its work."""
    bench = Bench()

    async def deed(_order: Order) -> None:
        try:
            await hangs(_order)
        except asyncio.CancelledError:
            return

    async with bench.engine(deed, attempt_seconds=60) as engine:
        await bench.place(engine, "order1")
        await bench.advance(70)
        assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def test_a_processor_that_cleans_up_while_it_is_cancelled_gets_the_time() -> None:
    """Between its cancellation and `stop_seconds` a processor may still await; it is not given up meanwhile."""
    bench = Bench()
    cleaned: list[float] = []

    async def deed(order: Order) -> None:
        try:
            await hangs(order)
        finally:
            await bench.clock.sleep(3)
            cleaned.append(at(bench))

    async with bench.engine(first_then(deed), attempt_seconds=60, stop_seconds=5) as engine:
        await bench.place(engine, "order1")
        await bench.advance(75)
    assert len(cleaned) == 1
    assert bench.facts.of(ProcessorStuck) == []
    assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]


async def test_a_processor_that_ignores_cancellation_keeps_its_slot_and_loses_its_order() -> None:
    """The lease is given up and counted as a failure, the order completes in another slot, the stuck slot is gone."""
    bench, freed = Bench(), asyncio.Event()
    work = Work(first_then(bench.stubborn(freed), only="order1"))
    async with bench.engine(work, concurrency=2, attempt_seconds=60, stop_seconds=5) as engine:
        await bench.place(engine, "order1")
        await bench.advance(60 + 5 + 5 + 2)
        assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]
        assert [fact.order_id for fact in bench.facts.of(ProcessorStuck)] == ["order1"]
        assert work.running == ["order1"]
        await bench.place(engine, *order_ids(5, "later"))
        await bench.advance(5)
        assert work.most_at_once == 2
        assert (await bench.store.statistics()).status_counts[Status.COMPLETED] == 6
        freed.set()
        await bench.settle()
        assert work.running == []
    assert (await bench.story("order1"))[-1] == "completed"
    await bench.check_books()


async def test_an_order_of_a_stuck_processor_goes_on_in_another_engine() -> None:
    """With a single slot that is stuck, the order is done by another process on the same repository."""
    bench, freed = Bench(), asyncio.Event()
    stuck = Work(bench.stubborn(freed))
    async with bench.engine(stuck, concurrency=1, attempt_seconds=60) as first:
        await bench.place(first, "order1")
        await bench.settle()
        work = Work()
        async with bench.engine(work, repository=bench.connect()):
            await bench.advance(80)
            assert work.started_ids == ["order1"]
            assert stuck.started_ids == ["order1"]
            assert await bench.status("order1") is Status.COMPLETED
            await bench.place(first, "order2")
            await bench.advance(2)
            assert work.started_ids == ["order1", "order2"]
        freed.set()
    await bench.check_books()


async def test_a_stuck_processor_that_ends_at_last_changes_nothing() -> None:
    """What it returns or raises after its lease was given up is nobody's outcome, and its slot is free again."""
    bench, freed = Bench(), asyncio.Event()
    stuck = bench.stubborn(freed)

    async def deed(order: Order) -> None:
        await stuck(order)
        raise Rejected

    work = Work(first_then(deed, only="order1"))
    async with bench.engine(work, concurrency=2, attempt_seconds=60) as engine:
        await bench.place(engine, "order1")
        await bench.advance(80)
        freed.set()
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED
        work.most_at_once = 0
        await bench.place(engine, *order_ids(10, "later"))
        await bench.advance(2)
        assert (await bench.store.statistics()).status_counts[Status.COMPLETED] == 11


async def test_a_processor_that_cancels_itself_has_failed() -> None:
    """Nobody else cancelled it: it is one failure like any other, and no attempt that vanished."""
    bench = Bench()

    async def deed(order: Order) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await hangs(order)

    async with bench.engine(Work(first_then(deed))) as engine:
        await bench.place(engine, "order1")
        await bench.advance(3)
    assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]


@pytest.mark.parametrize("then_hangs", [False, True])
async def test_traces_of_an_old_cancellation_do_not_hide_an_outcome(*, then_hangs: bool) -> None:
    """Timeouts of older libraries cancel the task and never take it back: what comes later counts all the same."""
    bench = Bench()

    async def deed(order: Order) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await hangs(order)
        if then_hangs:
            await hangs(order)
        raise TimeoutError

    async with bench.engine(Work(first_then(deed)), attempt_seconds=20) as engine:
        await bench.place(engine, "order1")
        await bench.advance(30)
    assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]


async def test_no_more_orders_run_at_once_than_there_are_slots() -> None:
    """The high-water mark over born claimed, rung and polled orders is `concurrency`, and it is reached."""
    bench = Bench()
    work = Work(takes(bench, 0.7))
    async with bench.engine(work, concurrency=5) as engine:
        await bench.within(1, engine.place_many([new_order(order_id) for order_id in order_ids(60)]))
        await bench.advance(60 / 5 * 0.7 + 5)
    assert work.most_at_once == 5
    assert sorted(work.finished) == sorted(order_ids(60))
    assert (await bench.check_books()).status_counts[Status.COMPLETED] == 60


async def test_slots_come_back_after_every_kind_of_end() -> None:
    """Completed, retried, rejected, timed out and cancelled attempts all free their slot."""
    bench = Bench()

    async def deed(order: Order) -> None:
        kind = int(order.order_id.removeprefix("order")) % 4
        if kind == 1 and order.attempt == 1:
            raise ValueError
        if kind == 2:
            raise Rejected
        if kind == 3 and order.attempt == 1:
            await hangs(order)

    async with bench.engine(deed, concurrency=2, attempt_seconds=10) as engine:
        await bench.place(engine, *order_ids(16))
        await bench.advance(60)
        counts = (await bench.check_books()).status_counts
    assert (counts[Status.COMPLETED], counts[Status.FAILED]) == (12, 4)


async def test_freed_slots_are_filled_without_waiting_for_the_poll() -> None:
    """While orders are known to wait, a slot that comes free takes the next one at once."""
    bench = Bench()
    work = Work(takes(bench, 1))
    async with bench.engine(work, concurrency=1, poll_seconds=1000) as engine:
        await bench.place(engine, *order_ids(10))
        await bench.advance(10.5)
        assert work.finished == order_ids(10)


# Kinds of processors


class CallableObject:
    """An object whose call is a coroutine function."""

    def __init__(self) -> None:
        """Remember the orders."""
        self.orders: list[str] = []

    async def __call__(self, order: Order) -> None:
        """Work."""
        await asyncio.sleep(0)
        self.orders.append(order.order_id)

    async def method(self, order: Order) -> None:
        """Work as well."""
        await self(order)


async def _two_arguments(orders: list[str], order: Order) -> None:
    await asyncio.sleep(0)
    orders.append(order.order_id)


def _in_thread(orders: list[str], order: Order) -> None:
    assert threading.current_thread() is not threading.main_thread()
    orders.append(order.order_id)


@pytest.mark.parametrize(
    "kind", ["object", "method", "partial", "plain", "partial of plain", "lambda", "partial of object"]
)
async def test_every_kind_of_callable_is_a_processor(kind: str) -> None:
    """Objects, methods, partials, plain functions, and functions that return a coroutine all do the work."""
    bench, worker = Bench(), CallableObject()
    orders = worker.orders
    processors: dict[str, Callable[[Order], object]] = {
        "object": worker,
        "method": worker.method,
        "partial": partial(_two_arguments, orders),
        "plain": lambda order: orders.append(order.order_id),
        "partial of plain": partial(_in_thread, orders),
        "lambda": lambda order: worker.method(order),  # noqa: PLW0108 - the case is a function that returns a coroutine
        "partial of object": partial(worker),
    }
    async with bench.engine(processors[kind]) as engine:
        await bench.place(engine, "order1")
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.COMPLETED))
    assert orders == ["order1"]


# Threads


async def test_plain_functions_run_beside_one_another_up_to_the_limit_of_threads() -> None:
    """`threads` bounds a plain function as `concurrency` does a coroutine; both count."""
    bench, gate = Bench(), threading.Event()
    lock, running, most = threading.Lock(), 0, 0

    def function(_order: Order) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(20)
        with lock:
            running -= 1

    async with bench.engine(function, concurrency=100, threads=3) as engine:
        await bench.place(engine, *order_ids(6))
        await threads_catch_up(bench, lambda: boolean(running == 3))
        gate.set()
        await threads_catch_up(bench, lambda: completed(bench, 6))
    assert most == 3


async def test_a_thread_that_hangs_keeps_its_slot_and_loses_its_order() -> None:
    """A function cannot be cancelled: its order goes on elsewhere, its slot stays taken, the engine still ends."""
    bench, gate, begun = Bench(), threading.Event(), threading.Event()

    def function(order: Order) -> None:
        if order.token == 1:
            begun.set()
            gate.wait(30)

    async with bench.engine(function, threads=1, attempt_seconds=60, grace_seconds=1) as engine:
        await bench.place(engine, "order1")
        await bench.advance(75)
        assert begun.wait(10)
        assert (await bench.story("order1"))[-1] == "retried"
        async with bench.engine(Work(), repository=bench.connect()):
            await bench.advance(3)
            assert await bench.status("order1") is Status.COMPLETED
        await bench.place(engine, "order2")
        await bench.advance(5)
        assert await bench.status("order2") is Status.PENDING
        # The engine ends although the thread has not.
    gate.set()
    assert await bench.story("order1") == ["placed", "claimed", "retried", "claimed", "completed"]


async def test_a_thread_that_ends_late_completes_its_order() -> None:
    """A function that was told to stop and could not hear it, but ended before it was given up, has completed."""
    bench, gate = Bench(), threading.Event()

    def function(_order: Order) -> None:
        gate.wait(30)

    async with bench.engine(function, attempt_seconds=60, stop_seconds=30) as engine:
        await bench.place(engine, "order1")
        await bench.advance(70)
        gate.set()
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.COMPLETED))
    assert await bench.story("order1") == ["placed", "claimed", "completed"]


async def status_is(bench: Bench, order_id: str, status: Status) -> bool:
    """Whether the order has this status."""
    return await bench.status(order_id) is status


async def completed(bench: Bench, orders: int) -> bool:
    """Whether so many orders are Completed."""
    return (await bench.store.statistics()).status_counts[Status.COMPLETED] == orders


async def boolean(value: bool) -> bool:  # noqa: FBT001 - the condition itself
    """Return the value."""
    return value


async def threads_catch_up(bench: Bench, condition: Callable[[], object]) -> None:
    """Turn the clock in steps, and give real threads real time, until the condition holds; fail after 20 s."""
    async with asyncio.timeout(20):
        while True:
            held = condition()
            assert asyncio.iscoroutine(held)
            if await held:
                return
            await asyncio.sleep(0.002)
            await bench.advance(0.05)


async def test_an_attempt_keeps_its_slot_until_its_report_is_heard() -> None:
    """So no more orders are Processing than there are slots, however slow the repository is to hear that one ended."""
    bench, work = Bench(), Work()
    bench.repository.plan(IsSlow(1), "apply")
    async with bench.engine(work, concurrency=1) as engine:
        await bench.place(engine, "order1", "order2")
        await bench.advance(0.4)
        assert [order.order_id for order in work.started] == ["order1"]
        assert (await bench.store.statistics()).status_counts[Status.PROCESSING] == 1
        await bench.advance(5)
        assert (await bench.store.statistics()).status_counts[Status.COMPLETED] == 2
