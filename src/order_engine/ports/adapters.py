"""How an adapter is opened by its URL: what stands behind the entry points of third parties, and behind ours.

Groups: `order_engine.repositories` and `order_engine.queues`; the entry point's name is the URL's scheme.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from order_engine.ports.clock import Clock
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository

REPOSITORIES = "order_engine.repositories"
QUEUES = "order_engine.queues"
SEVERAL_PROCESSES = "several_processes"
"""An opener of repositories that has an attribute of this name, which is True, says that any number of processes may
open the same repository at once."""


class RepositoryOpener(Protocol):
    """Opens the repository that a URL names, for as long as the context lasts."""

    def __call__(self, url: str, *, clock: Clock) -> AbstractAsyncContextManager[OrderRepository]:
        """Raise InvalidSetting for a URL that makes no sense, Unavailable where the store cannot be reached.

        A repository that is one process's own raises RepositoryHeld where another process has it.
        """
        ...


@runtime_checkable
class Announcing(Protocol):
    """What a repository that is one process's own offers besides: it tells others where its holder is asked."""

    def announce(self, address: str) -> None:
        """Write the URL of this process's HTTP service to where a RepositoryHeld of another process finds it."""
        ...


class QueueOpener(Protocol):
    """Opens the queue that a URL names, for as long as the context lasts."""

    def __call__(self, url: str, *, clock: Clock) -> AbstractAsyncContextManager[OrderQueue]:
        """Raise InvalidSetting for a URL that makes no sense, Unavailable where the queue cannot be reached."""
        ...
