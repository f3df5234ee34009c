"""Targets of the commands: a running service over HTTP, or the repository."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from order_engine import InvalidSetting, RepositoryHeld
from order_engine_adapters.cli.failures import CommandExit
from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.cli.target.outcomes import InputLine, KeyedLine, LineOutcome
from order_engine_adapters.process.interrupts import run_interruptible
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.masking import masked_url
from order_engine_adapters.wiring.opening import open_with
from order_engine_adapters.wiring.repository_url import RepositoryUrl, Schema

Answer = TypeVar("Answer")


class CommandTarget(Protocol):
    """Protocol: the operations behind the commands. Results are the JSON documents of the HTTP API."""

    async def list(self, *, status: str | None, user_id: str | None, limit: int, cursor: str | None) -> str:
        """Return one page of orders."""
        ...

    async def order(self, order_id: str) -> str:
        """Return one order."""
        ...

    async def history(self, order_id: str) -> str:
        """Return the events of one order."""
        ...

    async def cancel(self, order_id: str) -> str:
        """Cancel an order and return it."""
        ...

    async def redrive(self, order_id: str) -> str:
        """Redrive an order and return it."""
        ...

    async def metrics(self) -> str:
        """Return the counts."""
        ...

    async def place(self, lines: Sequence[InputLine]) -> Sequence[LineOutcome]:
        """Place the orders of lines with an order id. Return the results in line order.

        If there are fewer results than lines, the rest got none. Raises TargetUnavailable if the lines are not the
        cause.
        """
        ...

    async def place_under_keys(self, lines: Sequence[KeyedLine]) -> Sequence[LineOutcome]:
        """Place the orders of lines without an id, each with its idempotency key; otherwise like `place`."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


Work = Callable[[CommandTarget], Coroutine[Any, Any, Answer]]


def on_target(flags: Flags, work: Work[Answer], schema: Schema = Schema.READ, *, may_create: bool = False) -> Answer:
    """Run `work` on the target selected by the settings and return its result.

    The target is the service at `url`, unless only a flag for the repository is given; else the repository, opened for
    the duration of the work; else, if another process uses the repository and has published its address, that process.
    `schema` limits schema changes. A missing database file is an error unless the work `may_create` it.
    """
    settings = Settings.from_environment(**flags)
    names_repository = "database_url" in flags and "url" not in flags
    if settings.url is not None and not names_repository:
        return _run_on_service(settings, settings.url, work)
    repository_url = RepositoryUrl.of(settings.database_url)
    _check_repository(repository_url, may_create=may_create)
    if may_create and repository_url.missing_file is not None:
        schema = Schema.MIGRATE
    try:
        return run_interruptible(_run_on_repository(settings, work, schema))
    except RepositoryHeld as held:
        if held.address is None:
            raise
        address = held.address
    return _run_on_service(settings, address, work)


def _check_repository(repository_url: RepositoryUrl, *, may_create: bool) -> None:
    if repository_url.ends_with_process:
        message = (
            f"The orders of {masked_url(repository_url.url)} are in the process that took them: ask it with --url."
        )
        raise InvalidSetting(message)
    if not may_create:
        refuse_missing_file(repository_url)


def refuse_missing_file(repository_url: RepositoryUrl) -> None:
    """Raise Ending where opening would make a database file: who asks an empty one has misspelt its name."""
    file = repository_url.missing_file
    if file is not None:
        sentence = (
            f"Database {file} does not exist. Start `order-engine serve` first, or pass another database with "
            "--database-url or a running service with --url."
        )
        raise CommandExit(sentence)


async def _run_on_repository(settings: Settings, work: Work[Answer], schema: Schema) -> Answer:
    from order_engine_adapters.cli.target.repository import RepositoryTarget  # noqa: PLC0415 - not for those who ask over HTTP

    async with open_with(settings, processor=None, schema=schema) as opened:
        return await work(RepositoryTarget(opened.engine, settings))


def _run_on_service(settings: Settings, address: str, work: Work[Answer]) -> Answer:
    from order_engine_adapters.cli.target.service import ServiceTarget  # noqa: PLC0415 - not for those who ask the repository

    with ServiceTarget(address, settings) as remote:
        return run_blocking(work(remote))


def run_blocking(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine that never waits for an event loop, since all its calls block. Return its result.

    The same work thus runs over HTTP without an event loop, and Ctrl-C interrupts a blocking call at once.
    """
    try:
        coroutine.send(None)
    except StopIteration as ended:
        answer: Answer = ended.value
        return answer
    coroutine.close()
    message = "a coroutine over blocking calls has waited for an event loop"
    raise RuntimeError(message)
