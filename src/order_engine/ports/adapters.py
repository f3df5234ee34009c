"""Drivers that adapter packages, including third-party ones, provide for a URL scheme.

Entry points of the groups `order_engine.repositories` and `order_engine.queues` name it; the entry point's name is the
scheme. A function that opens is enough. A driver is an opener that offers more: each ability below is a protocol of its
own, is found by the names of its methods, and has a safe answer where a driver does not offer it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from order_engine.domain.metrics import Statistics
from order_engine.ports.clock import Clock
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository

REPOSITORIES = "order_engine.repositories"
QUEUES = "order_engine.queues"
SEVERAL_PROCESSES = "several_processes"
"""A driver whose attribute of this name is True allows any number of processes to open one repository at once, and one
whose attribute is False allows one. Without it, only one is allowed."""
ENDS_WITH_PROCESS = "ends_with_process"
"""A driver whose attribute of this name is True keeps orders in the memory of the process that opens it. Without it,
orders are taken to outlive the process."""


class RepositoryOpener(Protocol):
    """Opens the repository with the given URL for the duration of the context."""

    def __call__(self, url: str, *, clock: Clock) -> AbstractAsyncContextManager[OrderRepository]:
        """Raise InvalidSetting for an invalid URL, Unavailable if the repository cannot be reached.

        A repository that is one process's own raises RepositoryHeld where another process has it.
        """
        ...


@runtime_checkable
class SchemaKeeper(Protocol):
    """A driver of repositories with a schema that versions change.

    Without it nobody can tell whether a repository is up to date, and every command opens it as a service does.
    """

    def as_it_is(self, url: str, *, clock: Clock, writes: bool) -> AbstractAsyncContextManager[OrderRepository]:
        """Open an existing repository without migrating its schema; without `writes`, do not change it at all.

        Raises as `RepositoryOpener` does, Unavailable also where there is no such repository or migrations are pending.
        """
        ...

    async def migrate(self, url: str, *, clock: Clock, dry_run: bool) -> Sequence[str]:
        """Apply pending migrations and return their names; with `dry_run`, only return them.

        Makes the repository where there is none. Raises as `RepositoryOpener` does.
        """
        ...


@runtime_checkable
class CounterKeeper(Protocol):
    """A driver of repositories whose counters can be rebuilt from the orders. Without it that is refused."""

    async def rebuild_counters(self, url: str, *, clock: Clock, seconds: float) -> tuple[Statistics, Statistics]:
        """Count all orders, correct the counters, and return the metrics before and after.

        `seconds` limits the counting where others may use the repository meanwhile. Raises as `as_it_is` does, and
        OutcomeUnknown where the counters may have been corrected.
        """
        ...


@runtime_checkable
class DurabilityChecker(Protocol):
    """A driver that can refuse a repository which may lose acknowledged orders. Without it a warning is logged."""

    def durable_url(self, url: str) -> str:
        """Return the URL that opens the repository only if a crash loses nothing that was acknowledged (P1)."""
        ...


@runtime_checkable
class TimeLimited(Protocol):
    """A driver, of repositories or queues, whose calls can keep to the time limit of a request.

    Without it a call may take longer. The engine stops waiting for it at the limit, and does not know what it did.
    """

    def within(self, request_seconds: float) -> Self:
        """Return a driver of the same kind.

        What it opens answers each call, or raises Unavailable or OutcomeUnknown, in less than `request_seconds`: waits
        for connections, locks and statements are parts of it.
        """
        ...


@runtime_checkable
class FileBacked(Protocol):
    """A driver of repositories that consist of one file, whose existence is then checked before opening."""

    def file_of(self, url: str) -> Path:
        """Return the file of a URL, whether or not it exists. Raises InvalidSetting."""
        ...


@runtime_checkable
class Announcing(Protocol):
    """Optional extension of a repository that only one process may open: it shows the address of that process."""

    def announce(self, address: str) -> None:
        """Store the URL of this process's HTTP service, for RepositoryHeld errors in other processes."""
        ...


class QueueOpener(Protocol):
    """Opens the queue with the given URL for the duration of the context."""

    def __call__(self, url: str, *, clock: Clock) -> AbstractAsyncContextManager[OrderQueue]:
        """Raise InvalidSetting for an invalid URL, Unavailable if the queue cannot be reached."""
        ...
