"""Conversion of coroutines to test methods with their own event loop and time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Protocol, TypeVar

from order_engine.contracts.expectations import ContractBroken


class TimedSuite(Protocol):
    """Test suite that opens a new adapter for each test and defines a time limit."""

    patience_seconds: ClassVar[float]
    """Time limit of one test, in real time."""

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Open a new adapter."""
        ...


Suite = TypeVar("Suite", bound=TimedSuite)
Given = TypeVar("Given")


def as_test(
    body: Callable[[Suite, Given], Coroutine[Any, Any, None]], prepare: Callable[[Any], Given]
) -> Callable[[Suite], None]:
    """Convert a coroutine to a test method. It receives the result of `prepare` for the opened adapter."""

    async def run(suite: Suite) -> None:
        async with suite.open() as opened:
            await body(suite, prepare(opened))

    return _as_test(run, body)


def as_test_of_several(body: Callable[[Suite], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Convert a coroutine that opens adapters itself to a test method."""
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
            message = f"{body.__name__} did not finish within {suite.patience_seconds} s: {body.__doc__}"
            raise ContractBroken(message) from error

    # Not functools.wraps: it sets `__wrapped__`, and test runners would see the coroutine's parameters.
    test.__name__ = body.__name__
    test.__qualname__ = body.__qualname__
    test.__module__ = body.__module__
    test.__doc__ = body.__doc__
    return test
