"""What every process of ours that runs for long does: signals, log, event loop, garbage collector."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine

ENDING = (signal.SIGTERM, signal.SIGINT)
YOUNG_OBJECTS = 50_000
"""New objects after which the garbage collector looks for cycles among them. By default it is 700 (2,000 from Python
3.12 on), which requests under way exceed all the time, so that it visits them again and again."""


def run_process(main: Callable[[asyncio.Event], Coroutine[object, object, None]]) -> None:
    """Run `main` to its end; its event is set by the first signal that asks the process to end."""
    log_to_standard_error()
    _allow_many_files()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_main(main))


def log_to_standard_error() -> None:
    """Write warnings and errors to standard error; nothing where the log has been set up already."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)


async def until_first(*waits: Awaitable[object]) -> None:
    """Wait for the first of these to end, end the others, and raise what it ended of."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()


async def _main(main: Callable[[asyncio.Event], Coroutine[object, object, None]]) -> None:
    await main(_signalled())


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


def _allow_many_files() -> None:
    """Let this process open as many files as it may: each connection is one, and by default 1,024 are allowed."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not there on Windows

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the maker of uvloop's loops where it is installed, which it is not on every platform."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop
