"""The composition root: which part is made of which. It wires; `open_engine` owns the lifetimes."""

from __future__ import annotations

from random import SystemRandom
from typing import TypeAlias

from dependency_injector import containers, providers

from order_engine import OrderEngine
from order_engine.application.log.observer import LogObserver
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine_adapters.clocks import SteadyClock, SystemClock
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring import entry_points

Processor: TypeAlias = OrderProcessor | PlainProcessor

FALLBACK_QUEUE = "memory://"


def queue_url(settings: Settings) -> str:
    """Return the queue's URL: the one that was set, else the repository's own queue, else one in memory."""
    if settings.queue_url is not None:
        return settings.queue_url
    return settings.database_url if entry_points.has_queue(settings.database_url) else FALLBACK_QUEUE


class Container(containers.DeclarativeContainer):
    """The parts of one engine, each of which a test may override.

    Repositories and queues have to be opened, so the container only knows their openers: an asynchronous resource
    inside it would turn everything that depends on it into a future.
    """

    settings = providers.Dependency(instance_of=Settings)
    processor: providers.Object[Processor | None] = providers.Object(None)
    clock = providers.Singleton(SteadyClock, providers.Singleton(SystemClock))
    random = providers.Singleton(SystemRandom)
    observer = providers.Singleton(LogObserver, clock)
    repository_opener = providers.Factory(entry_points.repository_opener, settings.provided.database_url)
    queue_url = providers.Factory(queue_url, settings)
    queue_opener = providers.Factory(entry_points.queue_opener, queue_url)
    engine = providers.Factory(
        OrderEngine,
        clock=clock,
        processor=processor,
        observer=observer,
        random=random,
        options=settings.provided.options,
    )
