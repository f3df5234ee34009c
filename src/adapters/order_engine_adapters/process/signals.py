"""Hearing the signals that ask a process to end, at any moment of its life."""

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
"""Signals that come so soon after the first are the same request: a terminal sends one to every process of its group,
and what has started this process passes it on."""

EXIT_SECONDS = 3.0
"""How long the interpreter may take to end."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came, which ends a program as Ctrl-C does."""


def raise_terminated() -> None:
    """Raise Terminated on the main thread when SIGTERM comes."""
    signal.signal(signal.SIGTERM, _raise_terminated)


def _raise_terminated(_number: int, _frame: object) -> NoReturn:
    raise Terminated


class Signals:
    """Hears SIGTERM and SIGINT on a thread of its own, whatever the main thread is doing.

    The first one calls `first`, a later one `second`, both on that thread. They end the process until somebody sets
    them to something else. An event loop hears no signal while it is blocked, nor before and after it runs.
    """

    def __init__(self) -> None:
        """Hear nothing yet."""
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
        """Whether the process was asked to end."""
        return self._asked_at is not None

    def listen(self) -> None:
        """Hear signals from now on. To be called on the main thread, also after something else has taken them over."""
        taken = self._take_over()
        self._next = taken if taken != self._wakes.fileno() else self._next

    def start(self) -> None:
        """Take the signals over for the first time."""
        self.listen()
        for each in TERMINATION_SIGNALS:
            self._before[each] = signal.signal(each, self._noted)
        threading.Thread(target=self._run, name="order_engine signals", daemon=True).start()
        register_fork_aware(self)

    def loop_has_ended(self) -> None:
        """Hear signals alone again: the event loop that heard them too is gone, and its descriptor with it."""
        self._next = -1
        self._take_over()

    def ask(self) -> None:
        """Ask the process to end, as a first signal does; changes nothing where it was asked already."""
        with self._turn:
            if self.asked:
                return
            self._asked_at = time.monotonic()
        self.first()

    def end_by(self, deadline: ExitDeadline) -> None:
        """End the process at the deadline, unless it has ended by itself."""
        self._deadline = deadline
        self.loop_lives()
        self._wake(0)

    def leave(self, code: int) -> None:
        """Give the interpreter some moments to end with this exit code; after them, or at a signal, end at once.

        It waits for threads and processes that may never end, and for what was registered to run at the end.
        """
        self.first = self.second = partial(exit_now, code, farewell=False)
        last = time.monotonic() + EXIT_SECONDS
        expect_farewell()
        self.end_by(ExitDeadline(last, last, code))

    def loop_lives(self) -> None:
        """Take note that the event loop runs."""
        self._heard = time.monotonic()

    def after_fork_in_child(self) -> Iterable[int]:
        """Hear nothing in a child, to which the signals are what they were before."""
        global _current  # noqa: PLW0603 - what there is one of in a process
        _current = None
        signal.set_wakeup_fd(-1)
        for each, before in self._before.items():
            if signal.getsignal(each) == self._noted:
                signal.signal(each, before)
        return self._hears.fileno(), self._wakes.fileno()

    def _take_over(self) -> int:
        """Let the interpreter write every signal to our socket; return where it wrote before."""
        return signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def _noted(self, number: int, _frame: object) -> None:
        """Take a signal on the main thread: that it came was written to the socket, unless that was taken over."""
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
    """Return what hears the signals of this process, which begins with the first call, on the main thread."""
    global _current  # noqa: PLW0603 - what there is one of in a process
    if _current is None:
        _current = Signals()
        _current.start()
    return _current
