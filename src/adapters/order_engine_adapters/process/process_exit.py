"""Ending a process regardless of its other threads."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

FLUSH_SECONDS = 1.0
"""Time limit for flushing the standard streams, which blocks forever on a full pipe without a reader."""
EXIT_HOOK_SECONDS = 2.0
"""Time limit for `atexit` functions."""
SILENT_SECONDS = 3.0
"""Time without a heartbeat after which an event loop without remaining work counts as blocked."""


@dataclass(frozen=True, slots=True)
class ExitDeadline:
    """When a process is forced to exit. Times are those of `time.monotonic`."""

    blocked: float
    """From then on a process ends whose event loop has been silent for SILENT_SECONDS."""
    latest: float
    code: int = 0
    """The exit code."""

    def due(self, heard: float) -> float:
        """Return when the process must exit if its event loop's last heartbeat was at `heard`."""
        return min(self.latest, max(self.blocked, heard + SILENT_SECONDS))


class _ExitHooks:
    """Records whether the `atexit` functions have started."""

    def __init__(self) -> None:
        self.has_begun = False

    def expect(self) -> None:
        """Register the record. The last registered function runs first."""
        atexit.register(self._note)

    def _note(self) -> None:
        self.has_begun = True


_farewell = _ExitHooks()
expect_farewell: Callable[[], None] = _farewell.expect


def exit_now(code: int, *, farewell: bool) -> NoReturn:
    """Exit the process from any thread within moments, without waiting for other threads.

    Running `multiprocessing` children are terminated, so that no work continues in them, and the standard streams are
    flushed. With `farewell`, `atexit` functions run first unless they have started.
    """
    try:
        _terminate_children()
        if farewell and not _farewell.has_begun:
            _farewell.has_begun = True
            # The interpreter calls this function at exit. There is no public API for it.
            _within(EXIT_HOOK_SECONDS, atexit._run_exitfuncs)  # noqa: SLF001 - see above
        _within(FLUSH_SECONDS, _flush)
    finally:
        os._exit(code)


def _terminate_children() -> None:
    # Not imported here: another thread may hold the import lock, and without the import there are no such children.
    active_children = getattr(sys.modules.get("multiprocessing.process"), "active_children", None)
    if active_children is not None:
        for child in active_children():
            with suppress(OSError, ValueError, AttributeError):
                child.terminate()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _within(seconds: float, function: Callable[[], None]) -> None:
    """Run the function for at most this time. A lock that it needs may never be released."""
    thread = threading.Thread(target=function, name="order_engine ending", daemon=True)
    # Without a thread there is no time limit, so the function is skipped.
    with suppress(RuntimeError):
        thread.start()
        thread.join(seconds)
