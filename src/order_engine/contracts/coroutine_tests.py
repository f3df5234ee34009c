"""Running a check: a coroutine becomes a plain test method, with an event loop and a time limit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Protocol, TypeVar

from order_engine.contracts.expectations import ContractBroken


class TimedSuite(Protocol):
    """A suite that opens a fresh adapter for each test, and says how long one test may take in real time."""

    patience_seconds: ClassVar[float]
    """The limit of one test."""

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Open a fresh adapter."""
        ...


Suite = TypeVar("Suite", bound=TimedSuite)
Given = TypeVar("Given")


def as_test(
    body: Callable[[Suite, Given], Coroutine[Any, Any, None]], prepare: Callable[[Any], Given]
) -> Callable[[Suite], None]:
    """Make a test method of a coroutine that is given what `prepare` makes of the opened adapter."""

    async def run(suite: Suite) -> None:
        async with suite.open() as opened:
            await body(suite, prepare(opened))

    return _as_test(run, body)


def as_test_of_several(body: Callable[[Suite], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Make a test method of a coroutine that opens one adapter after the other by itself."""
    return _as_test(body, body)


def _as_test(
    run: Callable[[Suite], Coroutine[Any, Any, None]], body: Callable[..., Coroutine[Any, Any, None]]
) -> Callable[[Suite], None]:
    def test(suite: Suite) -> None:
        async def within_limit() -> None:
            async with asyncio.timeout(suite.patience_seconds):
                await run(suite)

        try:
            asyncio.run(within_limit())
        except TimeoutError as error:
            message = f"{body.__name__} was not done after {suite.patience_seconds} s: {body.__doc__}"
            raise ContractBroken(message) from error

    # Copied by hand: functools.wraps would leave `__wrapped__`, and runners would see the coroutine's parameters.
    test.__name__ = body.__name__
    test.__qualname__ = body.__qualname__
    test.__module__ = body.__module__
    test.__doc__ = body.__doc__
    return test
