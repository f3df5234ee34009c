"""One process of a fleet: the view of its supervisor, and its own."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, TypeAlias

from order_engine import InvalidSetting, OrderEngineError, Unavailable
from order_engine.ports.clock import Clock
from order_engine_adapters.process.process_exit import exit_now
from order_engine_adapters.process.signals import TERMINATION_SIGNALS, Signals, hear_signals
from order_engine_adapters.service.announcer import Announcer, MemberAnnouncer
from order_engine_adapters.service.siblings import Siblings

Serve: TypeAlias = Callable[[Announcer, Siblings], None]
"""What a member runs until it is asked to end. Its arguments receive its progress and know its siblings."""

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
DOUBLINGS: Final = 10
"""After this many restarts the delay is at its maximum; larger exponents are avoided."""
STABLE_SECONDS: Final = 60.0
"""After this uptime, an exit counts as the first one again."""
KILLED_SECONDS: Final = 5.0
END: Final = "end"
END_AT_ONCE: Final = "end at once"
SIBLING_SERVES: Final = "a sibling serves"
"""Messages to a member."""
WAITS: Final = "waits"
LISTENS: Final = "listens"
WRONG_SETTING: Final = "wrong setting"
UNAVAILABLE: Final = "unavailable"

_logger = logging.getLogger("order_engine")


class MemberProcess:
    """Starts a process, receives its messages, and restarts it when it has exited."""

    def __init__(self, number: int, serve: Serve, clock: Clock, waits: Callable[[str], None]) -> None:
        """Start no process yet. `waits` receives the reason if the process waits for the repository."""
        self._waits = waits
        self._number = number
        self._serve = serve
        self._clock = clock
        self._process: BaseProcess | None = None
        self._due_at = clock.monotonic()
        self._started_at = 0.0
        self._deaths = 0
        self.link: Connection | None = None
        """Connection for messages; the process also detects the parent's exit by it. None without a process."""
        self.listens: bool = False
        """Whether the process has opened its engine and serves requests."""
        self._knows_that_siblings_serve = False

    def start_if_due(self, links: Sequence[Connection], *, siblings_serve: bool) -> None:
        """Start the process if there is none and its restart is due. The child closes `links` to other members."""
        if self.link is not None or self.seconds_until_due() > 0:
            return
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(
            target=partial(_run_member, self._serve, theirs, [ours, *links], Siblings(serve=siblings_serve)),
            name=f"order_engine {self._number}",
        )
        self._knows_that_siblings_serve = siblings_serve
        # A signal between the fork and the child's own handlers would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, TERMINATION_SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)
        theirs.close()
        self.link = ours
        self._started_at = self._clock.monotonic()

    def seconds_until_due(self) -> float:
        """Return the seconds until the process may be started."""
        return max(self._due_at - self._clock.monotonic(), 0.0)

    def hear(self) -> OrderEngineError | None:
        """Receive a message or the exit of the process. Return the error that it reports, if any."""
        if self.link is None:
            return None
        try:
            kind, sentence = self.link.recv()
        except (EOFError, OSError):
            self._bury()
            return None
        if kind == LISTENS:
            self.listens = True
            return None
        if kind == WAITS:
            self._waits(sentence)
            return None
        return InvalidSetting(sentence) if kind == WRONG_SETTING else Unavailable(sentence)

    def siblings_serve(self) -> None:
        """Tell a starting process that another one is ready."""
        if not self.listens and not self._knows_that_siblings_serve:
            self._knows_that_siblings_serve = True
            self._send(SIBLING_SERVES)

    def ask_to_end(self) -> None:
        """Ask the process to drain. Not by a signal, since it may already have received one."""
        self._send(END)

    def end_at_once(self) -> None:
        """Make the process exit at once. May be called on any thread."""
        self._send(END_AT_ONCE)

    def wait_for_end(self, seconds: float) -> None:
        """Wait for the exit of the process, and kill it after `seconds`."""
        if self._process is None:
            return
        self._process.join(seconds)
        if self._process.is_alive():
            _logger.warning("Process %s did not stop in time. Killing it.", self._process.pid)
            self._process.kill()
            self._process.join(KILLED_SECONDS)
        if self.link is not None:
            self.link.close()

    def _send(self, word: str) -> None:
        if self.link is not None:
            # The process has already exited.
            with suppress(OSError):
                self.link.send(word)

    def _bury(self) -> None:
        """Reap the process and schedule its restart."""
        if self._process is None or self.link is None:
            return
        self.link.close()
        self.link = None
        self.listens = False
        self._process.join(KILLED_SECONDS)
        now = self._clock.monotonic()
        self._deaths = 1 if now - self._started_at >= STABLE_SECONDS else self._deaths + 1
        wait = restart_delay(self._deaths)
        self._due_at = now + wait
        _logger.warning(
            "Process %s of this service exited (%s). Restarting it in %g s.",
            self._process.pid,
            _exit_description(self._process.exitcode),
            wait,
        )


def restart_delay(deaths: int) -> float:
    """Return the delay before a restart after this number of consecutive exits, at least 1."""
    if deaths > DOUBLINGS:
        return LONGEST_WAIT_SECONDS
    return min(FIRST_WAIT_SECONDS * 2.0 ** (deaths - 1), LONGEST_WAIT_SECONDS)


def _exit_description(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {-exit_code}"


def _run_member(serve: Serve, link: Connection, others: Sequence[Connection], siblings: Siblings) -> None:
    """Run the member in the new process."""
    for other in others:
        # Inherited copies would keep the other members from noticing the exit of the parent.
        other.close()
    # Delivers the signals received since the fork.
    signals = hear_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)
    threading.Thread(
        target=_follow_parent, args=(link, signals, siblings), name="order_engine parent", daemon=True
    ).start()
    code = 1
    try:
        announcer = MemberAnnouncer(
            waits=lambda reason: link.send((WAITS, reason)), listens=lambda: link.send((LISTENS, ""))
        )
        serve(announcer, siblings)
        code = 0
    except OrderEngineError as error:
        link.send((WRONG_SETTING if isinstance(error, InvalidSetting) else UNAVAILABLE, str(error)))
        raise SystemExit(1) from None
    finally:
        signals.leave(code)


def _follow_parent(link: Connection, signals: Signals, siblings: Siblings) -> None:
    """Follow the messages of the parent, and end when it is gone: nobody else would end this process."""
    with suppress(EOFError, OSError):
        while (word := link.recv()) != END_AT_ONCE:
            if word == SIBLING_SERVES:
                siblings.note()
            else:
                signals.ask()
        exit_now(0, farewell=False)
    signals.ask()
