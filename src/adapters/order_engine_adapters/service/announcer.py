"""What an operator is told of a process that runs for long: that it listens, that it drains, that it has drained."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.metadata import version
from typing import Protocol, TypeAlias

from order_engine_adapters.http.server.server import url_of
from order_engine_adapters.service.description import access_text, processor_text
from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.repository_url import RepositoryUrl

PrintLine: TypeAlias = Callable[[str], None]


class Announcer(Protocol):
    """Hears of the life of a process, or of several as if they were one."""

    def waits(self, reason: str, /) -> None:
        """Take note that the repository is not there yet, and is waited for."""
        ...

    def listens(self) -> None:
        """Take note that requests are answered from now on."""
        ...

    def ends(self) -> None:
        """Take note that it was asked to end, and drains."""
        ...

    def drained(self) -> None:
        """Take note that nothing is left to do."""
        ...


class ConsoleAnnouncer:
    """Tells the operator, line by line."""

    def __init__(self, settings: Settings, bound: socket.socket | None, say: PrintLine, *, processes: int = 1) -> None:
        """Tell it by `say`."""
        self._settings = settings
        self._bound = bound
        self._say = say
        self._processes = processes
        self._waits = False

    def waits(self, reason: str) -> None:
        """Say, once, that the repository is waited for, why, and where to ask whether that is over."""
        if self._waits:
            return
        self._waits = True
        where = "" if self._bound is None else f" {url_of(self._bound)}/readyz returns 503 until then."
        limit = self._settings.start_seconds
        self._say(f"order-engine: waiting up to {limit:g} s for the repository. {reason}{where}")

    def listens(self) -> None:
        """Say where requests are answered, and what becomes of orders."""
        settings, say = self._settings, self._say
        answers = "worker started, HTTP is off" if self._bound is None else f"answers at {url_of(self._bound)}"
        say(f"order-engine {version('order-engine')} {answers}")
        say(f"  orders: {RepositoryUrl.of(settings.database_url).describe()}")
        say(f"  processor: {processor_text(settings.processor)}")
        if self._bound is not None:
            say(f"  access: {access_text(settings)}")
        if self._processes > 1:
            say(f"  processes: {self._processes}")
        say("  press Ctrl-C to drain and stop")

    def ends(self) -> None:
        """Say that it drains."""
        self._say(f"order-engine: draining; running orders have {self._settings.grace_seconds:g} s to finish")

    def drained(self) -> None:
        """Say that it has drained."""
        self._say("order-engine: drained")


class MemberAnnouncer:
    """Stands for one process of several: that it waits and that it listens is all that is of interest."""

    def __init__(self, waits: Callable[[str], None], listens: Callable[[], None]) -> None:
        """Pass these two on."""
        self.waits = waits
        self.listens = listens

    def ends(self) -> None:
        """Say nothing: the process that started this one says it."""

    def drained(self) -> None:
        """Say nothing: likewise."""
