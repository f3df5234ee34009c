"""Ending a process whatever its other threads do."""

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
"""How long the standard streams may take to be flushed, which for a pipe that nobody reads is without end."""
EXIT_HOOK_SECONDS = 2.0
"""How long the functions that were registered to run at the end may take."""
SILENT_SECONDS = 3.0
"""How long an event loop may give no sign of life, once it has no more work to finish, before it counts as blocked."""


@dataclass(frozen=True, slots=True)
class ExitDeadline:
    """When a process ends by itself that has not ended in order; times are of `time.monotonic`."""

    blocked: float
    """From then on a process ends whose event loop has been silent for SILENT_SECONDS."""
    latest: float
    code: int = 0
    """The exit code."""

    def due(self, heard: float) -> float:
        """Return when the process has to end whose event loop was heard of last at `heard`."""
        return min(self.latest, max(self.blocked, heard + SILENT_SECONDS))


class _ExitHooks:
    """Knows whether the functions that were registered to run at the end have begun to run."""

    def __init__(self) -> None:
        self.has_begun = False

    def expect(self) -> None:
        """Take note when they begin: what is registered last runs first."""
        atexit.register(self._note)

    def _note(self) -> None:
        self.has_begun = True


_farewell = _ExitHooks()
expect_farewell: Callable[[], None] = _farewell.expect


def exit_now(code: int, *, farewell: bool) -> NoReturn:
    """End the process from any thread, within moments, without waiting for another thread.

    Processes of `multiprocessing` that still run are terminated, so that no work goes on in them, and the standard
    streams are flushed. With `farewell` what was registered to run at the end runs first, where it has not begun.
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
    """Run the function to its end, or for so long. A lock that it needs may never be free."""
    thread = threading.Thread(target=function, name="order_engine ending", daemon=True)
    # Without a thread there is no time limit, so the function is skipped.
    with suppress(RuntimeError):
        thread.start()
        thread.join(seconds)
