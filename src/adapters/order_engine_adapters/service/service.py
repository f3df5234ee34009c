"""The long-running processes: the service with HTTP and processing, and the worker with processing only."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from starlette.types import ASGIApp

from order_engine import InvalidSetting, OrderEngine
from order_engine.application.engine import internals_of
from order_engine.application.worker.processor_kinds import is_coroutine_processor
from order_engine.ports.adapters import Announcing
from order_engine.ports.clock import Clock
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.http import (
    Access,
    ConnectionLimits,
    HttpLimits,
    Proxies,
    create_app,
    create_health_app,
    create_starting_app,
)
from order_engine_adapters.http.server.server import bound_socket, url_of
from order_engine_adapters.service.access import access_of
from order_engine_adapters.service.announcer import Announcer, ConsoleAnnouncer, PrintLine
from order_engine_adapters.service.front_server import FrontServer, answering_at
from order_engine_adapters.service.keys import KeyFile
from order_engine_adapters.service.process import DrainLimits, ProcessLifecycle, run_process, until_first
from order_engine_adapters.service.process_log import begin_log, hand_over_log
from order_engine_adapters.service.siblings import Siblings
from order_engine_adapters.service.supervisor import run_fleet
from order_engine_adapters.settings import Settings
from order_engine_adapters.settings.validators import networks_in
from order_engine_adapters.wiring.opening import Opened, open_when_there
from order_engine_adapters.wiring.processors import NONE, load_processor
from order_engine_adapters.wiring.repository_url import RepositoryUrl

CLOSING_SECONDS = 10.0
"""Time beyond the configured limits for draining and closing, before the process is forced to exit."""
ENDING_SECONDS = 10.0
"""Additional time before one of several processes is killed."""


SWITCH_SECONDS = 0.0005
"""Switch interval: how long a computing thread may delay others, including the event loop. With 32 computing threads,
the event loop was delayed by up to 0.2 s, and by 1.4 s with the default of 5 ms, at the same throughput."""


class AppFactory(Protocol):
    """Creates the application for an engine."""

    def __call__(self, engine: OrderEngine, *, access: Access) -> ASGIApp:
        """Apply the rules of `access`."""
        ...


def run_service(settings: Settings, say: PrintLine) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return. `say` prints progress messages.

    Raises InvalidSetting, and Unavailable if the address or the repository is unavailable.
    """
    begin_log(settings)
    make_app = partial(create_app, limits=settings.part(HttpLimits))
    if settings.workers > 1:
        RepositoryUrl.of(settings.database_url).refuse_several(settings.workers)
    with bound_socket(settings.host, settings.port) as bound:
        if settings.workers > 1:
            _run_several(settings, bound, make_app, say)
        else:
            announcer = ConsoleAnnouncer(settings, bound, say)
            run_process(partial(_work, settings, bound, make_app, announcer, None), _patience(settings))


def _run_several(settings: Settings, bound: socket.socket, make_app: AppFactory, say: PrintLine) -> None:
    """Serve in several processes. This process prints their progress."""
    announcer = ConsoleAnnouncer(settings, bound, say, processes=settings.workers)

    def serve(member: Announcer, siblings: Siblings) -> None:
        run_process(partial(_work, settings, bound, make_app, member, siblings), _patience(settings))

    patience = _patience(settings).all + ENDING_SECONDS
    run_fleet([serve] * settings.workers, SystemClock(), patience, announcer)
    announcer.drained()


def run_worker(settings: Settings, port: int | None, say: PrintLine) -> None:
    """Process orders until SIGTERM or SIGINT, then drain and return. Accepts no orders over HTTP.

    If `port` is given, it serves liveness, readiness and metrics. Raises as `run_service` does.
    """
    if settings.processor == NONE:
        message = "A worker requires a processor. Set --processor MODULE:FUNCTION."
        raise InvalidSetting(message)
    begin_log(settings)
    with ExitStack() as sockets:
        bound = None if port is None else sockets.enter_context(bound_socket(settings.host, port))
        announcer = ConsoleAnnouncer(settings, bound, say)
        run_process(partial(_work, settings, bound, create_health_app, announcer, None), _patience(settings))


async def _work(  # noqa: PLR0913, PLR0917 - what differs between the kinds of processes, and the lifecycle of this one
    settings: Settings,
    bound: socket.socket | None,
    make_app: AppFactory,
    announcer: Announcer,
    siblings: Siblings | None,
    lifecycle: ProcessLifecycle,
) -> None:
    clock = SystemClock()
    processor = load_processor(settings.processor, clock)
    hand_over_log(settings)
    if processor is not None and not is_coroutine_processor(processor):
        sys.setswitchinterval(SWITCH_SECONDS)
    keys = None if settings.api_keys_file is None else KeyFile(Path(settings.api_keys_file))
    access = access_of(settings, keys, clock)
    starting = _behind_proxies(settings, create_starting_app(access=access))
    lifecycle.starts()
    async with (
        answering_at(bound, starting, settings.part(ConnectionLimits), clock, siblings) as front,
        open_when_there(settings, processor, clock, announcer.waits) as opened,
    ):
        lifecycle.runs()
        app = _behind_proxies(settings, make_app(opened.engine, access=access))
        async with _serving(front, bound, opened, app):
            announcer.listens()
            # If one part ends, the process ends and raises its error.
            ends = [lifecycle.asked_to_end(), opened.engine.ended()]
            ends += [] if front is None else [front.ended()]
            ends += [] if keys is None else [keys.follow(clock)]
            await until_first(*ends)
            announcer.ends()
            # The server keeps running while the engine drains: it reports not ready, refuses orders and serves reads.
            await _drain(opened.engine, settings, clock)
    announcer.drained()


async def _drain(engine: OrderEngine, settings: Settings, clock: Clock) -> None:
    """Drain after a delay in which the engine is not ready but still accepts orders."""
    if settings.drain_delay_seconds:
        internals_of(engine).runtime.retire()
        await clock.sleep(settings.drain_delay_seconds)
    await engine.drain()


@asynccontextmanager
async def _serving(
    front: FrontServer | None, bound: socket.socket | None, opened: Opened, app: ASGIApp
) -> AsyncIterator[None]:
    """Serve `app`, and stop before the engine is closed."""
    if front is None or bound is None:
        yield
        return
    try:
        await front.switch(app)
        if isinstance(opened.repository, Announcing):
            opened.repository.announce(url_of(bound))
        yield
    finally:
        await front.stop()


def _behind_proxies(settings: Settings, app: ASGIApp) -> ASGIApp:
    """Wrap the application in the handling of forwarded headers, if configured."""
    if settings.root_path is None and settings.trusted_proxies is None:
        return app
    trusted = () if settings.trusted_proxies is None else networks_in(settings.trusted_proxies)
    return Proxies(app, root_path=settings.root_path or "", trusted=trusted)


def _patience(settings: Settings) -> DrainLimits:
    work = settings.drain_delay_seconds + settings.grace_seconds + settings.stop_seconds
    return DrainLimits(work, work + settings.request_seconds + CLOSING_SECONDS)
