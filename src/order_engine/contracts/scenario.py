"""A scenario: a test of a repository, written as a coroutine and run as a plain method by any test runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from order_engine.contracts.harness import RepositoryHarness
from order_engine.contracts.trial import Trial


class RepositorySuite:
    """The root of the repository's suites: whoever subclasses says how to open a fresh repository."""

    def open(self) -> AbstractAsyncContextManager[RepositoryHarness]:
        """Open a fresh, empty repository. Called once for each test, and once for each example of the state machine."""
        raise NotImplementedError


Suite = TypeVar("Suite", bound=RepositorySuite)


def scenario(body: Callable[[Suite, Trial], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Make a test method of a coroutine that gets a fresh repository as its trial."""

    def test(suite: Suite) -> None:
        async def run() -> None:
            async with suite.open() as harness:
                await body(suite, Trial(harness))

        asyncio.run(run())

    # Copied by hand: functools.wraps would leave `__wrapped__`, and runners would see the coroutine's parameters.
    test.__name__ = body.__name__
    test.__qualname__ = body.__qualname__
    test.__module__ = body.__module__
    test.__doc__ = body.__doc__
    return test
