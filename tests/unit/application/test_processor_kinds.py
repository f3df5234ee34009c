"""Which callables are processors, and what becomes of an order whose processor returns work that nobody has done."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from functools import partial
from threading import Timer
from typing import Any, NoReturn
from unittest.mock import AsyncMock, Mock

import pytest

from order_engine import InvalidSetting, Order, Status
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from tests.unit.application.bench import Bench
from tests.unit.application.test_worker import status_is, threads_catch_up

done: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    done.clear()


async def work(order: Order) -> None:
    """Work."""
    await asyncio.sleep(0)
    done.append(order.order_id)


def generator(order: Order) -> Iterator[None]:
    """Work, if somebody iterates."""
    done.append(order.order_id)
    yield


async def async_generator(order: Order) -> AsyncIterator[None]:
    """Work, if somebody iterates."""
    done.append(order.order_id)
    yield


class CoroutineCall:
    """An object whose call is a coroutine function, with methods of all kinds."""

    async def __call__(self, order: Order) -> None:
        """Work."""
        await work(order)

    async def method(self, order: Order) -> None:
        """Work."""
        await work(order)

    @staticmethod
    async def static(order: Order) -> None:
        """Work."""
        await work(order)

    @classmethod
    async def of_class(cls, order: Order) -> None:
        """Work."""
        await work(order)

    def yields(self, order: Order) -> Iterator[None]:
        """Work, if somebody iterates."""
        done.append(order.order_id)
        yield


class StaticCall:
    """An object whose call is a static method."""

    @staticmethod
    async def __call__(order: Order) -> None:
        """Work."""
        await work(order)


class ObjectCall:
    """An object whose call is an object's."""

    __call__ = CoroutineCall()


class PlainCall:
    """An object whose call is a plain function."""

    def __call__(self, order: Order) -> None:
        """Work."""
        done.append(order.order_id)


class GeneratorCall:
    """An object whose call is a generator function."""

    def __call__(self, order: Order) -> Iterator[None]:
        """Work, if somebody iterates."""
        done.append(order.order_id)
        yield


class AsyncGeneratorCall:
    """An object whose call is an asynchronous generator function."""

    async def __call__(self, order: Order) -> AsyncIterator[None]:
        """Work, if somebody iterates."""
        done.append(order.order_id)
        yield


def logged(function: Callable[[Order], Any]) -> Callable[[Order], Any]:
    """Return a plain function around another, as decorators make them."""

    @functools.wraps(function)
    def wrapper(order: Order) -> object:
        return function(order)

    return wrapper


def plain(order: Order) -> None:
    """Work."""
    done.append(order.order_id)


GOOD: dict[str, Callable[[Order], object]] = {
    "coroutine function": work,
    "object": CoroutineCall(),
    "method": CoroutineCall().method,
    "static method": CoroutineCall.static,
    "static method itself": staticmethod(work),
    "class method": CoroutineCall.of_class,
    "static call": StaticCall(),
    "call of an object": ObjectCall(),
    "partial": partial(work),
    "partial of a partial of an object": partial(partial(CoroutineCall())),
    "decorated": logged(work),
    "plain": plain,
    "plain object": PlainCall(),
    "lambda with a coroutine": lambda order: work(order),  # noqa: PLW0108 - the case
    "lambda with a task of its own": lambda order: asyncio.run(work(order)),
    "mock": AsyncMock(side_effect=work),
    "plain mock": Mock(side_effect=plain),
    "cached": functools.lru_cache(plain),
    "single dispatch": functools.singledispatch(work),
}

BAD: dict[str, tuple[Any, str]] = {
    "generator function": (generator, "generator function"),
    "asynchronous generator function": (async_generator, "generator function"),
    "object": (GeneratorCall(), "generator function"),
    "asynchronous object": (AsyncGeneratorCall(), "generator function"),
    "method": (CoroutineCall().yields, "generator function"),
    "static method": (staticmethod(generator), "generator function"),
    "partial": (partial(generator), "generator function"),
    "partial of an object": (partial(partial(AsyncGeneratorCall())), "generator function"),
    "class": (CoroutineCall, "is a class"),
    "partial of a class": (partial(CoroutineCall), "is a class"),
    "no argument": (lambda: None, "one argument"),
    "two arguments": (lambda _order, _more: None, "one argument"),
    "only by name": (lambda *, order: order, "one argument"),
    "object without an argument": (type("NoArgument", (), {"__call__": lambda _self: None})(), "one argument"),
    "number": (5, "of type int"),
    "text": ("my_shop:fulfil", "of type str"),
    "module": (asyncio, "of type module"),
    "coroutine": (asyncio.Future, "is a class"),
}


@pytest.mark.parametrize("kind", GOOD)
async def test_every_kind_of_callable_does_its_work(kind: str) -> None:
    """An order is Completed by each, and only after the work."""
    bench = Bench()
    async with bench.engine(GOOD[kind]) as engine:
        await bench.place(engine, "order1")
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.COMPLETED))
    assert done == ["order1"]


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_do_the_work_is_refused_when_the_engine_is_built(kind: str) -> None:
    """One sentence says what is wrong with it. Otherwise each order would be Completed, and nothing done."""
    processor, problem = BAD[kind]
    with pytest.raises(InvalidSetting, match=re.escape(problem)) as error:
        Bench().build(processor)
    assert str(error.value).startswith("The processor ")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no marks before Python 3.12")
def test_what_is_marked_as_a_coroutine_function_needs_no_thread() -> None:
    """A function, and an object that marks itself."""
    mark = getattr(inspect, "markcoroutinefunction", lambda function: function)
    assert is_coroutine_processor(mark(logged(work)))
    marked = CoroutineCall()
    assert is_coroutine_processor(mark(marked))


# What a processor returns


def task_of(order: Order) -> Awaitable[None]:
    """Return a task that does the work."""
    return asyncio.ensure_future(work(order))


def future_of(order: Order) -> Future[None]:
    """Return a future of an executor, whose work is done in a while."""
    future: Future[None] = Future()

    def run() -> None:
        plain(order)
        future.set_result(None)

    Timer(0.05, run).start()
    return future


def in_coroutine(function: Callable[[Order], object]) -> Callable[[Order], Awaitable[object]]:
    """Return a coroutine function that returns what `function` does."""

    async def processor(order: Order) -> object:
        await asyncio.sleep(0)
        return function(order)

    return processor


RETURNED = {
    "coroutine of a coroutine function": in_coroutine(work),
    "task of a coroutine function": in_coroutine(task_of),
    "future of a coroutine function": in_coroutine(future_of),
    "coroutine of a plain function": logged(work),
    "future of a plain function": logged(future_of),
}


@pytest.mark.parametrize("kind", RETURNED)
async def test_work_that_is_returned_is_waited_for(kind: str) -> None:
    """A coroutine, a task, an executor's future: the order is Completed when its work is done, and not before."""
    bench = Bench()
    async with bench.engine(RETURNED[kind]) as engine:
        await bench.place(engine, "order1")
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.COMPLETED))
        assert done == ["order1"]


async def test_an_error_of_returned_work_is_the_attempts() -> None:
    """It comes out as it would of a coroutine function."""
    bench = Bench()

    async def fails(_order: Order) -> NoReturn:
        message = "boom"
        raise LookupError(message)

    async with bench.engine(logged(fails), max_attempts=1) as engine:
        await bench.place(engine, "order1")
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.FAILED))
    assert (await bench.order("order1")).failure == "LookupError: boom"


NEVER_DONE: dict[str, tuple[Callable[[Order], Any], str]] = {
    "generator of a decorated function": (logged(generator), "a generator"),
    "asynchronous generator of a decorated function": (logged(async_generator), "a generator"),
    "generator of a coroutine function": (in_coroutine(generator), "a generator"),
    "coroutine of a coroutine of a plain function": (logged(in_coroutine(work)), "an awaitable"),
    "function of a plain function": (lambda _order: plain, "a function"),
    "method of a coroutine function": (in_coroutine(lambda _order: CoroutineCall().method), "a function"),
    "partial of a plain function": (lambda order: partial(plain, order), "a function"),
}


@pytest.mark.parametrize("kind", NEVER_DONE)
async def test_work_that_nobody_will_ever_do_fails_the_attempt(kind: str) -> None:
    """The reason says what was returned; the order is not Completed, since nothing has run."""
    processor, returned = NEVER_DONE[kind]
    bench = Bench()
    async with bench.engine(processor, max_attempts=1) as engine:
        await bench.place(engine, "order1")
        await threads_catch_up(bench, lambda: status_is(bench, "order1", Status.FAILED))
    assert f"returned {returned}" in str((await bench.order("order1")).failure)
    assert done == []


@pytest.mark.parametrize(
    "result", [None, 0, "done", {"charged": True}, [1, 2], Order, pytest.param(object(), id="object")], ids=repr
)
async def test_any_other_result_is_ignored(result: object) -> None:
    """A processor may return what it likes."""
    bench = Bench()

    async def processor(_order: Order) -> object:
        await asyncio.sleep(0)
        return result

    async with bench.engine(processor) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
    assert await bench.status("order1") is Status.COMPLETED
