"""Watches how long one step keeps the event loop: while it lasts, no other request, lease or signal has its turn.

A step is one callback, or one task from one `await` to the next. What counts is the CPU time of the thread, which other
processes do not lengthen as they do the time of day, without that of the garbage collector, whose work grows with what
the test process has loaded. Steps of the tests themselves do not count.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Final

import starlette

import order_engine
import order_engine_adapters

LIMIT_SECONDS: Final = 0.05
"""What no input may exceed, on a machine that takes `REFERENCE_SECONDS` for `reference_work`."""
REFERENCE_SECONDS: Final = 0.015
REFERENCE_TEXT: Final = json.dumps([{"key": str(number)} for number in range(20_000)])
WATCHED: Final = tuple(str(Path(each.__path__[0])) for each in (order_engine, order_engine_adapters, starlette))


@dataclass(frozen=True)
class Step:
    """One step: its CPU time, and what ran."""

    seconds: float = 0.0
    what: str = "nothing"

    def __str__(self) -> str:
        """Say both."""
        return f"{self.seconds * 1000:.1f} ms of CPU time in {self.what}"


class LoopWatch:
    """Remembers the longest step since it was asked last."""

    def __init__(self) -> None:
        """Begin without one."""
        self.longest = Step()
        self.longest_of_all = Step(), "no test"
        """Of the whole session, and in which test."""
        self._collecting = 0.0
        self._collected = 0.0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watch every event loop of asyncio's own, as long as the context lasts."""
        run = asyncio.Handle._run  # noqa: SLF001 - the one place that every step of a loop goes through

        def watched(handle: asyncio.Handle) -> None:
            what = _watched(handle._callback)  # type: ignore[attr-defined]  # noqa: SLF001 - likewise
            if what is None:
                run(handle)
                return
            collected, began = self._collected, time.thread_time()
            run(handle)
            seconds = time.thread_time() - began - (self._collected - collected)
            if seconds > self.longest.seconds:
                self.longest = Step(seconds, what)

        asyncio.Handle._run = watched  # type: ignore[assignment, method-assign]  # noqa: SLF001 - likewise
        gc.callbacks.append(self._note_collection)
        try:
            yield
        finally:
            gc.callbacks.remove(self._note_collection)
            asyncio.Handle._run = run  # type: ignore[method-assign]  # noqa: SLF001 - likewise

    def take(self) -> Step:
        """Return the longest step since the last call, and begin again."""
        longest, self.longest = self.longest, Step()
        if longest.seconds > self.longest_of_all[0].seconds:
            self.longest_of_all = longest, os.environ.get("PYTEST_CURRENT_TEST", "no test")
        return longest

    def _note_collection(self, phase: str, _: object) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._collected += time.thread_time() - self._collecting


watch: Final = LoopWatch()


def limit_seconds() -> float:
    """Return the limit on this machine as it is now: longer where it is slower than the one it was set for."""
    return LIMIT_SECONDS * max(1.0, *(reference_work() / REFERENCE_SECONDS for _ in range(3)))


def reference_work() -> float:
    """Return the CPU time of a work that is always the same, and of the kind that the service does."""
    began = time.thread_time()
    json.dumps(json.loads(REFERENCE_TEXT))
    return time.thread_time() - began


def _watched(callback: Callable[..., Any] | None) -> str | None:
    """Return the name of a callback of the project's, or of Starlette's on its behalf; None for any other."""
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        coroutine = task.get_coro()
        code = getattr(coroutine, "cr_code", None)
        name = getattr(coroutine, "__qualname__", "a coroutine")
    else:
        function = getattr(callback, "__func__", getattr(callback, "func", callback))
        code = getattr(function, "__code__", None)
        name = getattr(function, "__qualname__", "a callback")
    return name if isinstance(code, CodeType) and code.co_filename.startswith(WATCHED) else None
