"""Opening an engine: by its URL, or by settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dependency_injector import providers

from order_engine import OrderEngine
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.wiring.container import Container
from order_engine_adapters.wiring.durability import durable_url
from order_engine_adapters.wiring.settings import Settings


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine that runs, and the repository it stands on."""

    engine: OrderEngine
    repository: OrderRepository


@asynccontextmanager
async def open_engine(
    url: str,
    *,
    processor: OrderProcessor | PlainProcessor | None,
    container: Container | None = None,
    **settings: Any,  # noqa: ANN401 - any setting by its name; `Settings` checks each
) -> AsyncIterator[OrderEngine]:
    """Open the engine on the repository that `url` names, run it, and drain and close it at the end.

    `processor` does the work: a coroutine function or a plain function of one order; None: take orders only.
    `settings` are those of `Settings`, by name, for example `concurrency=100`; the environment is not read. A
    `container` of one's own, its providers overridden, is for tests. Raises InvalidSetting, and Unavailable where the
    repository cannot be reached.
    """
    async with open_with(Settings.given(database_url=url, **settings), processor, container) as opened:
        yield opened.engine


@asynccontextmanager
async def open_with(
    settings: Settings, processor: OrderProcessor | PlainProcessor | None, container: Container | None = None
) -> AsyncIterator[Opened]:
    """Open the engine of `settings`, run it, and drain and close it at the end.

    `settings.processor` is not looked at: `load_processor` makes a processor of it. Raises as `open_engine` does.
    """
    container = container or Container()
    container.settings.override(settings)
    container.processor.override(providers.Object(processor))
    url = durable_url(settings.database_url) if settings.require_durable else settings.database_url
    async with AsyncExitStack() as lifetimes:
        clock = container.clock()
        open_repository, open_queue = container.repository_opener(), container.queue_opener()
        repository = await lifetimes.enter_async_context(open_repository(url, clock=clock))
        queue = await lifetimes.enter_async_context(open_queue(container.queue_url(), clock=clock))
        engine = await lifetimes.enter_async_context(container.engine(repository=repository, queue=queue))
        yield Opened(engine, repository)
