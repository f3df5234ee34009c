"""An engine is called in the event loop that it was started in; other callers are told so and do no harm."""

from __future__ import annotations

import asyncio
import inspect
import os
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from order_engine import OrderEngine, Status, WrongEventLoop
from order_engine.application.engine import internals_of
from order_engine.application.queries import Queries
from tests.unit.application.bench import Bench, Work, new_order, ready, takes

CALLS: dict[str, Callable[[OrderEngine], Awaitable[Any]]] = {
    "__aexit__": lambda engine: engine.__aexit__(None, None, None),
    "cancel": lambda engine: engine.cancel("order1"),
    "changed": lambda engine: engine.changed(0),
    "drain": lambda engine: engine.drain(),
    "ended": lambda engine: engine.ended(),
    "events": lambda engine: engine.events(),
    "events_until": lambda engine: internals_of(engine).queries.events_until("1", after="0", limit=1),
    "get": lambda engine: engine.get("order1"),
    "get_many": lambda engine: engine.get_many(["order1"]),
    "history": lambda engine: engine.history("order1"),
    "list": lambda engine: engine.list(),
    "metrics": lambda engine: engine.metrics(),
    "place": lambda engine: engine.place(new_order("order2")),
    "place_many": lambda engine: engine.place_many([new_order("order2")]),
    "redrive": lambda engine: engine.redrive("order1"),
    "state": lambda engine: internals_of(engine).queries.state("order1"),
    "states": lambda engine: internals_of(engine).queries.states(["order1"]),
    "status": lambda engine: engine.status("order1"),
    "wait_for": lambda engine: engine.wait_for("order1"),
}
NOT_STARTED_TWICE = {"__aenter__"}


def test_every_call_is_tried_here() -> None:
    """A method that is added to the engine, or to its queries, has to refuse foreign loops as well."""
    methods = {name for name, value in vars(OrderEngine).items() if inspect.iscoroutinefunction(value)}
    questions = {name for name, value in vars(Queries).items() if inspect.iscoroutinefunction(value)} - {"page"}
    public = {name for name in methods | questions if not name.startswith("_") or name.startswith("__")}
    assert public == set(CALLS) | NOT_STARTED_TWICE


async def run(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever the engine answers
    """Return what the awaitable gives."""
    return await awaitable


def run_without_a_loop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Drive a coroutine by hand, as somebody does who knows no event loop."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


def in_another_loop(engine: OrderEngine, name: str) -> None:
    """Make the call in an event loop of its own."""
    asyncio.run(run(CALLS[name](engine)))


def in_no_loop(engine: OrderEngine, name: str) -> None:
    """Make the call in none."""
    run_without_a_loop(run(CALLS[name](engine)))


@pytest.mark.parametrize("caller", [in_another_loop, in_no_loop], ids=lambda caller: caller.__name__)
@pytest.mark.parametrize("name", CALLS)
async def test_a_call_from_a_thread_is_refused_and_the_engine_goes_on(
    name: str, caller: Callable[[OrderEngine, str], None]
) -> None:
    """The sentence says how to make the call; nothing was stored, nobody waits for ever, and others are served."""
    bench = Bench()
    async with bench.engine(Work(takes(bench, 1))) as engine:
        await bench.place(engine, "order1")
        with pytest.raises(WrongEventLoop, match="run_coroutine_threadsafe"):
            await asyncio.to_thread(caller, engine, name)
        assert ready(engine)
        await bench.advance(2)
        assert await bench.status("order1") is Status.COMPLETED
        await bench.place(engine, "order3")
        await bench.advance(2)
        assert await bench.status("order3") is Status.COMPLETED
    assert (await bench.check_books()).total_orders == 2


async def test_a_thread_that_sends_its_call_to_the_loop_is_answered() -> None:
    """It is what the sentence says."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        loop = asyncio.get_running_loop()

        def place() -> str:
            placing = asyncio.run_coroutine_threadsafe(engine.place(new_order("order1")), loop)
            return placing.result(20).order.order_id

        assert await asyncio.to_thread(place) == "order1"


@pytest.mark.parametrize("name", CALLS)
def test_a_second_loop_in_the_same_thread_is_refused(name: str) -> None:
    """The engine was left running in a loop that has been paused: it can go on there, and only there."""
    bench, home = Bench(), asyncio.new_event_loop()
    engine = bench.build(Work())
    home.run_until_complete(engine.__aenter__())
    with pytest.raises(WrongEventLoop, match="create a new engine"):
        in_another_loop(engine, name)
    home.run_until_complete(bench.place(engine, "order1"))
    home.run_until_complete(bench.end(engine))
    assert home.run_until_complete(bench.status("order1")) is Status.COMPLETED
    home.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
async def test_a_forked_child_is_refused() -> None:
    """A child has a copy of the engine, whose tasks and connections are its parent's."""
    bench = Bench()
    async with bench.engine(Work()) as engine:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            os._exit(_refused_in_a_child(engine))
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await bench.place(engine, "order1")
        await bench.settle()
        assert await bench.status("order1") is Status.COMPLETED


def _refused_in_a_child(engine: OrderEngine) -> int:
    """Return 0 where every call is refused with the word for it."""
    for name in CALLS:
        for caller in (in_another_loop, in_no_loop):
            try:
                caller(engine, name)
            except WrongEventLoop as error:
                if "fork" in str(error):
                    continue
            except BaseException:  # noqa: BLE001, S110 - the child has nobody who would see it
                pass
            return 1
    return 0
