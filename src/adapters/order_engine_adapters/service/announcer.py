"""Progress messages for the operator of a long-running process: waiting, listening, draining, drained."""

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
    """Protocol: receives the progress of a process, or of several as one."""

    def waits(self, reason: str, /) -> None:
        """Record that the repository is unavailable and the process waits for it."""
        ...

    def listens(self) -> None:
        """Record that requests are answered from now on."""
        ...

    def ends(self) -> None:
        """Record that the process drains."""
        ...

    def drained(self) -> None:
        """Record that the process has drained."""
        ...


class ConsoleAnnouncer:
    """Prints the progress line by line."""

    def __init__(self, settings: Settings, bound: socket.socket | None, say: PrintLine, *, processes: int = 1) -> None:
        """Print with `say`."""
        self._settings = settings
        self._bound = bound
        self._say = say
        self._processes = processes
        self._waits = False

    def waits(self, reason: str) -> None:
        """Print once why the process waits, and where to check."""
        if self._waits:
            return
        self._waits = True
        where = "" if self._bound is None else f" {url_of(self._bound)}/readyz returns 503 until then."
        limit = self._settings.start_seconds
        self._say(f"order-engine: waiting up to {limit:g} s for the repository. {reason}{where}")

    def listens(self) -> None:
        """Print the address and the configuration."""
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
        """Print that the process drains."""
        self._say(f"order-engine: draining; running orders have {self._settings.grace_seconds:g} s to finish")

    def drained(self) -> None:
        """Print that it has drained."""
        self._say("order-engine: drained")


class MemberAnnouncer:
    """Forwards the progress of one of several processes: only waiting and listening matter."""

    def __init__(self, waits: Callable[[str], None], listens: Callable[[], None]) -> None:
        """Forward these two."""
        self.waits = waits
        self.listens = listens

    def ends(self) -> None:
        """Do nothing: the parent process prints it."""

    def drained(self) -> None:
        """Do nothing: the parent process prints it."""
