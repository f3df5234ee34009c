"""The service: an engine and its HTTP application in one process, from start to drained."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from importlib.metadata import version

from order_engine import OrderEngine
from order_engine.ports.adapters import Announcing
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.http import HttpLimits, create_app
from order_engine_adapters.http.server import Server, bound_socket, url_of
from order_engine_adapters.wiring.describing import processor_text, repository_text
from order_engine_adapters.wiring.opening import open_with
from order_engine_adapters.wiring.processors import load_processor
from order_engine_adapters.wiring.settings import Settings

Say = Callable[[str], None]

ENDING = (signal.SIGTERM, signal.SIGINT)
YOUNG_OBJECTS = 50_000
"""New objects after which the garbage collector looks for cycles among them. By default it is 700 (2,000 from Python
3.12 on), which requests under way exceed all the time, so that it visits them again and again."""


def run_service(settings: Settings, say: Say) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return. `say` is told what an operator wants to know, line by line.

    Raises InvalidSetting, and Unavailable where the address or the repository cannot be had.
    """
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    with bound_socket(settings.host, settings.port) as bound, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, bound, say))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the maker of uvloop's loops where it is installed, which it is not on every platform."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings, bound: socket.socket, say: Say) -> None:
    asked_to_end = _signalled()
    processor = load_processor(settings.processor, SystemClock())
    async with open_with(settings, processor) as opened:
        server = Server(create_app(opened.engine, limits=_http_limits(settings)), bound)
        await server.start()
        try:
            if isinstance(opened.repository, Announcing):
                opened.repository.announce(url_of(bound))
            _introduce(settings, url_of(bound), say)
            await _until_ending(asked_to_end, server, opened.engine)
            say(f"order-engine: draining; running orders have {settings.grace_seconds:g} s to end")
            # The server goes on meanwhile: it says that it is not ready, refuses new orders, and answers questions.
            await opened.engine.drain()
        finally:
            await server.stop()
    say("order-engine: drained")


def _signalled() -> asyncio.Event:
    """Return an event that is set by the first signal that asks the process to end; later ones change nothing."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in ENDING:
        try:
            loop.add_signal_handler(each, event.set)
        except NotImplementedError:
            # Windows: its loops have no signal handlers, but let plain ones run between two callbacks.
            signal.signal(each, lambda *_: loop.call_soon_threadsafe(event.set))
    return event


async def _until_ending(asked_to_end: asyncio.Event, server: Server, engine: OrderEngine) -> None:
    """Wait until the process is asked to end, or a part of it has died, and raise what it died of."""
    waits = [asyncio.create_task(wait) for wait in (asked_to_end.wait(), server.ended(), engine.ended())]
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    for wait in done:
        wait.result()


def _introduce(settings: Settings, url: str, say: Say) -> None:
    say(f"order-engine {version('order-engine')} answers at {url}")
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
