"""A repository URL and its driver: operations on a repository of any package."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from order_engine import InvalidSetting
from order_engine.domain.metrics import Statistics
from order_engine.ports.adapters import (
    ENDS_WITH_PROCESS,
    SEVERAL_PROCESSES,
    CounterKeeper,
    DurabilityChecker,
    FileBacked,
    RepositoryOpener,
    SchemaKeeper,
)
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.wiring.entry_points import limited, repository_opener
from order_engine_adapters.wiring.masking import masked_url

ADVICE: Final = "Use a PostgreSQL database with --database-url, or omit --workers."

_logger = logging.getLogger("order_engine")


class Schema(Enum):
    """Allowed changes of the schema when a repository is opened."""

    MIGRATE = "create or migrate the schema"
    KEEP = "write without changing the schema"
    READ = "read only"


@dataclass(frozen=True, slots=True)
class RepositoryUrl:
    """A URL and its driver, with safe defaults for abilities that the driver lacks."""

    url: str
    driver: RepositoryOpener

    @classmethod
    def of(cls, url: str) -> RepositoryUrl:
        """Return the URL with its driver. Raises InvalidSetting if no package provides the scheme."""
        return cls(url, repository_opener(url))

    def within(self, request_seconds: float) -> RepositoryUrl:
        """Return the same with calls that end within the time limit of a request, where the driver can do that."""
        return replace(self, driver=limited(self.driver, request_seconds))

    @property
    def ends_with_process(self) -> bool:
        """Whether the orders are private to the process that opens the repository."""
        return getattr(self.driver, ENDS_WITH_PROCESS, False) is True

    @property
    def missing_file(self) -> Path | None:
        """The file that opening would create; None if it exists or the repository is not a file."""
        if not isinstance(self.driver, FileBacked):
            return None
        try:
            file = self.driver.file_of(self.url)
            return None if file.exists() else file
        except (InvalidSetting, OSError):
            # Opening reports a URL without a file and a folder that is not readable.
            return None

    def describe(self) -> str:
        """Return where orders are stored, for the operator."""
        if self.ends_with_process:
            return "in memory, lost when this process ends; set --database-url to store them"
        if isinstance(self.driver, FileBacked):
            return f"stored in {self.driver.file_of(self.url).resolve()}"
        return f"stored in {masked_url(self.url)}"

    def open(self, clock: Clock, schema: Schema) -> AbstractAsyncContextManager[OrderRepository]:
        """Open the repository with only the schema changes that `schema` allows."""
        if schema is Schema.MIGRATE or not isinstance(self.driver, SchemaKeeper):
            return self.driver(self.url, clock=clock)
        return self.driver.as_it_is(self.url, clock=clock, writes=schema is Schema.KEEP)

    async def migrate(self, *, dry_run: bool) -> Sequence[str]:
        """Apply pending migrations and return their names; with `dry_run`, only return them.

        Raises InvalidSetting, also for a driver without migrations; RepositoryHeld if another process uses the
        repository; Unavailable if it is unreachable or was written by a newer version.
        """
        if not isinstance(self.driver, SchemaKeeper):
            message = f"Cannot migrate {masked_url(self.url)}: its package provides no migrations."
            raise InvalidSetting(message)
        return await self.driver.migrate(self.url, clock=SystemClock(), dry_run=dry_run)

    async def rebuild_counters(self, seconds: float) -> tuple[Statistics, Statistics]:
        """Recount all orders and correct the counters. Return the metrics before and after.

        `seconds` limits the recount of a shared repository. Raises InvalidSetting, also for a driver that cannot
        rebuild counters; RepositoryHeld if another process uses the repository; Unavailable if it is unreachable;
        OutcomeUnknown if the counters may have been corrected.
        """
        if isinstance(self.driver, CounterKeeper):
            return await self.driver.rebuild_counters(self.url, clock=SystemClock(), seconds=seconds)
        shown = masked_url(self.url)
        if self.ends_with_process:
            message = f"The orders and counters of {shown} end with its process. There is nothing to rebuild."
        else:
            message = f"Cannot rebuild the counters of {shown}: its package does not support it."
        raise InvalidSetting(message)

    def durable(self) -> RepositoryUrl:
        """Return a URL that opens the repository only if a crash loses no acknowledged orders (P1).

        Logs a warning if the driver cannot tell. Raises InvalidSetting for a repository in memory.
        """
        if self.ends_with_process:
            message = (
                f"require_durable is set, and {masked_url(self.url)} is not durable. "
                "Use a SQLite file or a PostgreSQL database with --database-url."
            )
            raise InvalidSetting(message)
        if isinstance(self.driver, DurabilityChecker):
            return replace(self, url=self.driver.durable_url(self.url))
        _logger.warning("require_durable is set. Cannot verify the durability of %s.", masked_url(self.url))
        return self

    def refuse_several(self, workers: int) -> None:
        """Raise InvalidSetting unless several processes can open the repository."""
        allows_several = getattr(self.driver, SEVERAL_PROCESSES, None)
        if allows_several is True:
            return
        shown = masked_url(self.url)
        if self.ends_with_process:
            reason = f"{shown} is private to each process."
        elif allows_several is None:
            reason = f"{shown} does not declare that processes can share it."
        else:
            reason = f"{shown} can be opened by one process only."
        message = f"workers is {workers}, but {reason} {ADVICE}"
        raise InvalidSetting(message)
