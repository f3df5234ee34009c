"""Handling of termination signals at any time in the life of a process."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from order_engine_adapters.process.forks import register_fork_aware
from order_engine_adapters.process.process_exit import ExitDeadline, exit_now, expect_farewell

TERMINATION_SIGNALS = (signal.SIGTERM, signal.SIGINT)
REPEAT_SECONDS = 0.25
"""Signals within this time count as one request: a terminal signals every process of its group, and the parent process
may forward the signal."""

EXIT_SECONDS = 3.0
"""Time limit for the interpreter's shutdown."""


class Terminated(KeyboardInterrupt):
    """Raised by SIGTERM, like KeyboardInterrupt by SIGINT."""


def raise_terminated() -> None:
    """Raise Terminated on the main thread at SIGTERM."""
    signal.signal(signal.SIGTERM, _raise_terminated)


def _raise_terminated(_number: int, _frame: object) -> NoReturn:
    raise Terminated


class Signals:
    """Handles SIGTERM and SIGINT on a separate thread, whatever the main thread does.

    The first signal calls `first`, later ones call `second`, both on that thread. Until they are set, signals end the
    process. An event loop cannot handle signals while it is blocked, nor before or after it runs.
    """

    def __init__(self) -> None:
        """Start without handlers."""
        self.first: Callable[[], None] = partial(exit_now, 0, farewell=True)
        self.second: Callable[[], None] = partial(exit_now, 0, farewell=False)
        self._asked_at: float | None = None
        self._deadline: ExitDeadline | None = None
        self._heard = 0.0
        self._hears, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)  # noqa: FBT003 - the standard library takes it by position only
        self._next = -1
        self._before: dict[signal.Signals, Any] = {}
        self._turn = threading.Lock()

    @property
    def asked(self) -> bool:
        """Whether termination was requested."""
        return self._asked_at is not None

    def listen(self) -> None:
        """Install the handlers. Call it on the main thread, also after other code has replaced them."""
        taken = self._take_over()
        self._next = taken if taken != self._wakes.fileno() else self._next

    def start(self) -> None:
        """Install the handlers for the first time."""
        self.listen()
        for each in TERMINATION_SIGNALS:
            self._before[each] = signal.signal(each, self._noted)
        threading.Thread(target=self._run, name="order_engine signals", daemon=True).start()
        register_fork_aware(self)

    def loop_has_ended(self) -> None:
        """Restore the handlers after the event loop, which had replaced them, has ended."""
        self._next = -1
        self._take_over()

    def ask(self) -> None:
        """Request termination like a first signal. No effect if it was already requested."""
        with self._turn:
            if self.asked:
                return
            self._asked_at = time.monotonic()
        self.first()

    def end_by(self, deadline: ExitDeadline) -> None:
        """Exit the process at the deadline if it is still running."""
        self._deadline = deadline
        self.loop_lives()
        self._wake(0)

    def leave(self, code: int) -> None:
        """Let the interpreter shut down with this exit code; force the exit after a time limit or at a signal.

        The shutdown waits for threads and child processes that may never end, and for `atexit` functions.
        """
        self.first = self.second = partial(exit_now, code, farewell=False)
        last = time.monotonic() + EXIT_SECONDS
        expect_farewell()
        self.end_by(ExitDeadline(last, last, code))

    def loop_lives(self) -> None:
        """Record a heartbeat of the event loop."""
        self._heard = time.monotonic()

    def after_fork_in_child(self) -> Iterable[int]:
        """Restore the original signal handlers in a child."""
        global _current  # noqa: PLW0603 - what there is one of in a process
        _current = None
        signal.set_wakeup_fd(-1)
        for each, before in self._before.items():
            if signal.getsignal(each) == self._noted:
                signal.signal(each, before)
        return self._hears.fileno(), self._wakes.fileno()

    def _take_over(self) -> int:
        """Make the interpreter write every signal to our socket. Return the previous descriptor."""
        return signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def _noted(self, number: int, _frame: object) -> None:
        """Handle a signal on the main thread. The socket has already received it unless it was replaced."""
        taken = self._take_over()
        if taken != self._wakes.fileno():
            self._next = taken
            self._wake(number)

    def _wake(self, number: int) -> None:
        # A full socket wakes as well.
        with suppress(OSError):
            self._wakes.send(bytes([number]))

    def _run(self) -> None:
        while True:
            wait = self._seconds_left()
            if wait is not None and wait <= 0 and self._deadline is not None:
                exit_now(self._deadline.code, farewell=True)
            self._hears.settimeout(wait)
            with suppress(TimeoutError):
                self._hear(self._hears.recv(4096))

    def _seconds_left(self) -> float | None:
        if self._deadline is None:
            return None
        return max(self._deadline.due(self._heard) - time.monotonic(), 0.0)

    def _hear(self, numbers: bytes) -> None:
        if self._next >= 0:
            # An event loop has handlers of its own for other signals.
            with suppress(OSError):
                os.write(self._next, numbers)
        for number in numbers:
            if number in TERMINATION_SIGNALS:
                self._hear_request()

    def _hear_request(self) -> None:
        if self._asked_at is None:
            self.ask()
        elif time.monotonic() - self._asked_at > REPEAT_SECONDS:
            self.second()


_current: Signals | None = None


def hear_signals() -> Signals:
    """Return the signal handler of this process. The first call must be on the main thread."""
    global _current  # noqa: PLW0603 - what there is one of in a process
    if _current is None:
        _current = Signals()
        _current.start()
    return _current
