"""Supervisor of several processes that serve one socket.

All processes accept on the same socket, which the supervisor keeps open. When one of them is killed, the others accept
its queued connections, and no connection is refused while it restarts. With a socket per process (`SO_REUSEPORT`), the
system would drop the queue of a dead process.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait

from order_engine import InvalidSetting
from order_engine.ports.clock import Clock
from order_engine_adapters.process.process_exit import exit_now
from order_engine_adapters.process.signals import hear_signals
from order_engine_adapters.service.announcer import Announcer
from order_engine_adapters.service.member import MemberProcess, Serve

_logger = logging.getLogger("order_engine")


def run_fleet(serve: Sequence[Serve], clock: Clock, patience_seconds: float, announcer: Announcer) -> None:
    """Run each of `serve` in a separate process until SIGTERM or SIGINT, then end them all and return.

    `announcer` is notified when all of them first listen and when they are asked to end. Exited processes are
    restarted with increasing delays. Until all have listened once, the error of a process is raised instead. Processes
    that have not ended after `patience_seconds` are killed. Raises InvalidSetting and Unavailable.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        message = "--workers requires fork, which this system lacks. Start several services behind a proxy instead."
        raise InvalidSetting(message)
    members = [MemberProcess(number, each, clock, announcer.waits) for number, each in enumerate(serve, start=1)]
    with _asked_to_end(members) as asked:
        try:
            _keep_going(members, asked, announcer)
            announcer.ends()
        finally:
            _end(members, clock, patience_seconds)


def _keep_going(members: Sequence[MemberProcess], asked: socket.socket, announcer: Announcer) -> None:
    """Start due processes until a signal arrives."""
    all_have_listened = False
    while True:
        one_serves = any(member.listens for member in members)
        for member in members:
            links = [other.link for other in members if other.link is not None]
            member.start_if_due(links, siblings_serve=one_serves)
            if one_serves:
                member.siblings_serve()
        waits = [member.seconds_until_due() for member in members if member.link is None]
        open_links: list[Connection] = [member.link for member in members if member.link is not None]
        ready = wait([asked, *open_links], min(waits, default=None))
        if asked in ready:
            return
        for member in members:
            if member.link in ready:
                trouble = member.hear()
                if trouble is not None and not all_have_listened:
                    raise trouble
                if trouble is not None:
                    _logger.warning("A process of this service failed to start: %s", trouble)
        if not all_have_listened and all(member.listens for member in members):
            all_have_listened = True
            announcer.listens()


def _end(members: Sequence[MemberProcess], clock: Clock, patience_seconds: float) -> None:
    for member in members:
        member.ask_to_end()
    last = clock.monotonic() + patience_seconds
    for member in members:
        member.wait_for_end(max(last - clock.monotonic(), 0.0))


@contextmanager
def _asked_to_end(members: Sequence[MemberProcess]) -> Iterator[socket.socket]:
    """Yield a socket that becomes readable at the first signal. The second signal ends all processes at once."""

    def ask() -> None:
        wakes.send(b"!")

    def end_all() -> None:
        for member in members:
            member.end_at_once()
        exit_now(0, farewell=False)

    signals = hear_signals()
    hears, wakes = socket.socketpair()
    with hears, wakes:
        before = signals.first, signals.second
        signals.first, signals.second = ask, end_all
        try:
            yield hears
        finally:
            signals.first, signals.second = before
