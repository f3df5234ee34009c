"""The composition root. It connects the parts; `open_engine` manages their lifetimes."""

from __future__ import annotations

from random import SystemRandom
from typing import TypeAlias

from dependency_injector import containers, providers

from order_engine import OrderEngine
from order_engine.application.log.observer import LogObserver
from order_engine.ports.adapters import QueueOpener, RepositoryOpener
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine_adapters.clocks import SteadyClock, SystemClock
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring import entry_points

Processor: TypeAlias = OrderProcessor | PlainProcessor

FALLBACK_QUEUE = "memory://"


def queue_url(settings: Settings) -> str:
    """Return the queue URL: the setting, else the repository's own queue, else one in memory."""
    if settings.queue_url is not None:
        return settings.queue_url
    return settings.database_url if entry_points.has_queue(settings.database_url) else FALLBACK_QUEUE


class Container(containers.DeclarativeContainer):
    """Providers of the parts of an engine, which tests can override.

    Repositories and queues must be opened asynchronously, so the container provides only their openers: an asynchronous
    resource would turn everything that depends on it into a future.
    """

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    processor: providers.Object[Processor | None] = providers.Object(None)
    clock: providers.Singleton[SteadyClock] = providers.Singleton(SteadyClock, providers.Singleton(SystemClock))
    random: providers.Singleton[SystemRandom] = providers.Singleton(SystemRandom)
    observer: providers.Singleton[LogObserver] = providers.Singleton(LogObserver, clock)
    repository_opener: providers.Factory[RepositoryOpener] = providers.Factory(
        entry_points.repository_opener, settings.provided.database_url
    )
    queue_url: providers.Factory[str] = providers.Factory(queue_url, settings)
    queue_opener: providers.Factory[QueueOpener] = providers.Factory(entry_points.queue_opener, queue_url)
    engine: providers.Factory[OrderEngine] = providers.Factory(
        OrderEngine,
        clock=clock,
        processor=processor,
        observer=observer,
        random=random,
        options=settings.provided.options,
    )
