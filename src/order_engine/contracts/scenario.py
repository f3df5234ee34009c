"""A scenario: a test of a repository, written as a coroutine and run as a plain method by any test runner."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, TypeVar

from order_engine.contracts.coroutine_tests import as_test
from order_engine.contracts.harness import RepositoryHarness
from order_engine.contracts.trial import Trial


class RepositorySuite:
    """Base class of repository suites. Subclasses define how to open a new repository."""

    patience_seconds: ClassVar[float] = 60.0
    """How long one test may take altogether, in real time; the state machine takes as long as it has examples."""

    def open(self) -> AbstractAsyncContextManager[RepositoryHarness]:
        """Open a fresh, empty repository. Called once for each test, and once for each example of the state machine."""
        raise NotImplementedError


Suite = TypeVar("Suite", bound=RepositorySuite)


def scenario(body: Callable[[Suite, Trial], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Make a test method of a coroutine that gets a fresh repository as its trial."""
    return as_test(body, Trial)
