"""Opening an engine by URL or by settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Unpack

from dependency_injector import providers

from order_engine import OrderEngine, Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.container import FALLBACK_QUEUE, Container
from order_engine_adapters.wiring.engine_settings import EngineSettings
from order_engine_adapters.wiring.entry_points import limited, queue_opener
from order_engine_adapters.wiring.repository_url import RepositoryUrl, Schema

TRY_AGAIN_SECONDS = 0.5
"""Delay between attempts to open an unavailable repository."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A running engine and its repository."""

    engine: OrderEngine
    repository: OrderRepository


@asynccontextmanager
async def open_engine(
    url: str,
    *,
    processor: OrderProcessor | PlainProcessor | None,
    container: Container | None = None,
    **settings: Unpack[EngineSettings],
) -> AsyncIterator[OrderEngine]:
    """Open the engine on the repository that `url` names, run it, and drain and close it at the end.

    `processor` does the work: a coroutine function or a plain function of one order; None: take orders only.
    `settings` are given by name, for example `concurrency=100`; the environment is not read. A `container` of one's
    own, its providers overridden, is for tests. Raises InvalidSetting, and Unavailable where the repository cannot be
    reached.
    """
    async with open_with(Settings.given(database_url=url, **settings), processor, container) as opened:
        yield opened.engine


@asynccontextmanager
async def open_with(
    settings: Settings,
    processor: OrderProcessor | PlainProcessor | None,
    container: Container | None = None,
    schema: Schema | None = None,
) -> AsyncIterator[Opened]:
    """Open and run the engine of `settings`; drain and close it at the end.

    `settings.processor` is ignored: `load_processor` creates the processor. Without `schema`, `settings.no_migrate`
    decides. Raises as `open_engine` does.
    """
    if schema is None:
        schema = Schema.KEEP if settings.no_migrate else Schema.MIGRATE
    container = container or Container()
    container.settings.override(settings)
    container.processor.override(providers.Object(processor))
    seconds = settings.request_seconds
    repository_url = RepositoryUrl(settings.database_url, container.repository_opener()).within(seconds)
    if settings.require_durable:
        repository_url = repository_url.durable()
    async with AsyncExitStack() as lifetimes:
        clock = container.clock()
        # A reader never notifies workers.
        queue_url = FALLBACK_QUEUE if schema is Schema.READ else container.queue_url()
        open_queue = queue_opener(queue_url) if schema is Schema.READ else container.queue_opener()
        repository = await lifetimes.enter_async_context(repository_url.open(clock, schema))
        queue = await lifetimes.enter_async_context(limited(open_queue, seconds)(queue_url, clock=clock))
        engine = await lifetimes.enter_async_context(container.engine(repository=repository, queue=queue))
        yield Opened(engine, repository)


@asynccontextmanager
async def open_when_there(
    settings: Settings,
    processor: OrderProcessor | PlainProcessor | None,
    clock: Clock,
    waits: Callable[[str], None],
) -> AsyncIterator[Opened]:
    """Open like `open_with`, and wait up to `settings.start_seconds` for an unavailable repository.

    `waits` gets the reason of each failed attempt. Errors that waiting cannot resolve are raised at once.
    """
    last = clock.monotonic() + settings.start_seconds
    async with AsyncExitStack() as lifetimes:
        opened: Opened | None = None
        while opened is None:
            try:
                opened = await lifetimes.enter_async_context(open_with(settings, processor))
            except Unavailable as error:
                left = last - clock.monotonic()
                if error.lasting or left <= 0:
                    raise
                waits(str(error))
                await clock.sleep(min(TRY_AGAIN_SECONDS, left))
        yield opened
