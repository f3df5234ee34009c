"""The processes that run for long: the service, which serves HTTP and works, and the worker, which works."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version

from starlette.types import ASGIApp

from order_engine import InvalidSetting, OrderEngine
from order_engine.ports.adapters import Announcing
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.http import HttpLimits, create_app, create_health_app
from order_engine_adapters.http.server import Server, bound_socket, url_of
from order_engine_adapters.wiring.describing import processor_text, repository_text
from order_engine_adapters.wiring.opening import Opened, open_with
from order_engine_adapters.wiring.process import run_process, until_first
from order_engine_adapters.wiring.processors import NONE, load_processor
from order_engine_adapters.wiring.settings import Settings

Say = Callable[[str], None]
MakeApp = Callable[[OrderEngine], ASGIApp]


def run_service(settings: Settings, say: Say) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return. `say` is told what an operator wants to know, line by line.

    Raises InvalidSetting, and Unavailable where the address or the repository cannot be had.
    """
    make_app = partial(create_app, limits=_http_limits(settings))
    with bound_socket(settings.host, settings.port) as bound:
        run_process(partial(_work, settings, bound, make_app, say))


def run_worker(settings: Settings, port: int | None, say: Say) -> None:
    """Work on orders until SIGTERM or SIGINT, then drain and return; takes none over HTTP.

    At `port`, where one is given, it answers whether it is alive and ready, and with the metrics. Raises as
    `run_service` does.
    """
    if settings.processor == NONE:
        message = "A worker needs a processor: give it one with --processor MODULE:FUNCTION."
        raise InvalidSetting(message)
    with ExitStack() as sockets:
        bound = None if port is None else sockets.enter_context(bound_socket(settings.host, port))
        run_process(partial(_work, settings, bound, create_health_app, say))


async def _work(
    settings: Settings, bound: socket.socket | None, make_app: MakeApp, say: Say, asked_to_end: asyncio.Event
) -> None:
    processor = load_processor(settings.processor, SystemClock())
    async with open_with(settings, processor) as opened, _serving(opened, bound, make_app) as server:
        _introduce(settings, bound, say)
        # Whatever part has died ends the process, which then raises what that died of.
        ends = [asked_to_end.wait(), opened.engine.ended()]
        await until_first(*ends, *([] if server is None else [server.ended()]))
        say(f"order-engine: draining; running orders have {settings.grace_seconds:g} s to end")
        # The server goes on meanwhile: it says that it is not ready, refuses new orders, and answers questions.
        await opened.engine.drain()
    say("order-engine: drained")


@asynccontextmanager
async def _serving(opened: Opened, bound: socket.socket | None, make_app: MakeApp) -> AsyncIterator[Server | None]:
    if bound is None:
        yield None
        return
    server = Server(make_app(opened.engine), bound)
    await server.start()
    try:
        if isinstance(opened.repository, Announcing):
            opened.repository.announce(url_of(bound))
        yield server
    finally:
        await server.stop()


def _introduce(settings: Settings, bound: socket.socket | None, say: Say) -> None:
    answers = "works, and answers at no address" if bound is None else f"answers at {url_of(bound)}"
    say(f"order-engine {version('order-engine')} {answers}")
    say(f"  orders: {repository_text(settings.database_url)}")
    say(f"  processor: {processor_text(settings.processor)}")
    say("  Ctrl-C drains and ends")


def _http_limits(settings: Settings) -> HttpLimits:
    return HttpLimits(
        body_bytes=settings.max_body_bytes,
        batch_bytes=settings.max_batch_bytes,
        body_seconds=settings.body_seconds,
        unread_bytes=settings.max_unread_bytes,
    )
