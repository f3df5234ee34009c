"""How an adapter is opened by its URL: what stands behind the entry points of third parties, and behind ours.

Groups: `order_engine.repositories` and `order_engine.queues`; the entry point's name is the URL's scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
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
class SchemaKeeper(Protocol):
    """What an opener of repositories offers besides whose repository has a schema that versions change.

    Without it nobody can tell whether a repository is up to date, and every command opens it as a service does.
    """

    def as_it_is(self, url: str, *, clock: Clock, writes: bool) -> AbstractAsyncContextManager[OrderRepository]:
        """Open a repository that is there, and leave its schema as it is; without `writes` change nothing at all.

        Raises as `RepositoryOpener` does, Unavailable also where there is no such repository or migrations are pending.
        """
        ...

    async def migrate(self, url: str, *, clock: Clock, dry_run: bool) -> Sequence[str]:
        """Apply the migrations that are pending, and return their names; with `dry_run` only return them.

        Makes the repository where there is none. Raises as `RepositoryOpener` does.
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
