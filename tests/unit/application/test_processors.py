"""Processors of every kind as one coroutine function, and plain functions in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial

import pytest

from order_engine import Order
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from order_engine.application.worker.processors import ThreadedProcessor, as_coroutine
from order_engine.application.worker.threads import Threads
from order_engine.domain.content.validation import validate
from order_engine.domain.decisions import Transition, place
from order_engine_adapters.clocks import ManualClock
from tests.unit.application.bench import new_order

MARK = contextvars.ContextVar("MARK", default="none")


def order() -> Order:
    """Return an order."""
    decision = place(None, validate(new_order("order1"), ""), ManualClock().now())
    assert isinstance(decision, Transition)
    return decision.order


def threaded(function: Callable[[Order], object]) -> ThreadedProcessor:
    """Return a processor that runs `function` in threads of its own."""
    return ThreadedProcessor(function, Threads())


async def some_turns() -> None:
    """Let tasks begin and hear of cancellations."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _coroutine(_order: Order) -> None:
    await asyncio.sleep(0)


def _plain(_order: Order) -> None:
    return


class _Asynchronous:
    async def __call__(self, _order: Order) -> None:
        await asyncio.sleep(0)

    async def method(self, _order: Order) -> None:
        await asyncio.sleep(0)


class _Synchronous:
    def __call__(self, _order: Order) -> None:
        return


@pytest.mark.parametrize(
    ("processor", "coroutine"),
    [
        (_coroutine, True),
        (partial(_coroutine), True),
        (_Asynchronous(), True),
        (_Asynchronous().method, True),
        (_plain, False),
        (partial(_plain), False),
        (_Synchronous(), False),
        (lambda order: _coroutine(order), False),  # noqa: PLW0108 - a lambda that returns a coroutine is the case
        (print, False),
    ],
    ids=lambda case: getattr(case, "__name__", type(case).__name__),
)
def test_what_is_a_coroutine_function(processor: Callable[[Order], object], *, coroutine: bool) -> None:
    """Coroutine functions are used as they are; everything else gets a thread."""
    assert is_coroutine_processor(processor) is coroutine
    assert (as_coroutine(processor, Threads()) is processor) is coroutine


async def test_a_plain_function_runs_in_a_daemon_thread_named_after_the_order() -> None:
    """A thread that hangs must not keep the process from ending, and is found by its name."""
    threads: list[threading.Thread] = []
    await threaded(lambda _: threads.append(threading.current_thread()))(order())
    assert threads[0] is not threading.main_thread()
    assert threads[0].daemon
    assert "order1" in threads[0].name


async def test_a_plain_function_sees_the_context_of_its_caller() -> None:
    """Context variables reach into the thread, and what it sets stays there."""
    seen: list[str] = []

    def function(_order: Order) -> None:
        seen.append(MARK.get())
        MARK.set("thread")

    MARK.set("caller")
    await threaded(function)(order())
    assert (seen, MARK.get()) == (["caller"], "caller")


async def test_one_cancellation_waits_for_the_thread_and_a_second_lets_go() -> None:
    """A thread cannot be stopped: its slot is taken until it ends, except where the engine itself ends."""
    gate = threading.Event()
    running = asyncio.ensure_future(threaded(lambda _: gate.wait(20))(order()))
    await some_turns()
    running.cancel()
    await some_turns()
    assert not running.done()
    running.cancel()
    await asyncio.wait([running], timeout=10)
    assert running.cancelled()
    gate.set()


async def test_a_thread_that_ends_after_a_cancellation_has_an_outcome() -> None:
    """Its result or its error counts as if nobody had cancelled."""
    gate = threading.Event()

    def function(_order: Order) -> None:
        gate.wait(20)
        message = "late"
        raise LookupError(message)

    running = asyncio.ensure_future(threaded(function)(order()))
    await some_turns()
    running.cancel()
    await some_turns()
    gate.set()
    with pytest.raises(LookupError, match="late"):
        await asyncio.wait_for(running, 10)


def test_a_thread_that_outlives_its_loop_ends_quietly() -> None:
    """After the loop is closed there is nobody to tell, which is no error of the thread's."""
    gate, errors = threading.Event(), list[object]()
    threads: list[threading.Thread] = []
    pool = Threads()

    def function(_order: Order) -> None:
        threads.append(threading.current_thread())
        gate.wait(20)

    async def main() -> None:
        running = asyncio.ensure_future(ThreadedProcessor(function, pool)(order()))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.sleep(0)

    hook, threading.excepthook = threading.excepthook, errors.append
    try:
        asyncio.run(main())
        gate.set()
        pool.close()
        threads[0].join(10)
    finally:
        threading.excepthook = hook
    assert not threads[0].is_alive()
    assert errors == []
