"""The server of an ASGI application: uvicorn, with its own handling of signals, logs and shutdown."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from order_engine.domain.errors import Unavailable
from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection import HttpConnection
from order_engine_adapters.http.server.open_connections import OpenConnections
from order_engine_adapters.process.forks import register_fork_aware

BACKLOG = 2048
GRACE_SECONDS = 3
"""Time for unfinished responses when the server stops; the engine is drained by then."""
ABORT_SECONDS = 2
"""Time for the application to return once the remaining connections are aborted."""


class AddressUnavailable(Unavailable):
    """The address cannot be bound: another process listens on it, or it is not an address of this machine."""

    code = "address_unavailable"


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not listen yet. Raises AddressUnavailable."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unavailable(host, port, error) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _unavailable(host, port, error) from error
    return bound


def url_of(bound: socket.socket) -> str:
    """Return the URL of the server on this socket, as seen from this machine."""
    host, port = bound.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if bound.family is socket.AF_INET6 else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server:
    """Serves one application on one socket, from `start` until `stop`."""

    def __init__(
        self, app: ASGIApp, bound: socket.socket, *, limits: ConnectionLimits | None = None, backlog: int = BACKLOG
    ) -> None:
        """Create a server that does not listen yet. `bound` is closed when the server stops."""
        self._socket = bound
        self._address: tuple[str, int] = bound.getsockname()[:2]
        connections = OpenConnections(limits or ConnectionLimits())
        config = uvicorn.Config(
            app,
            # uvicorn calls it like the class.
            http=cast("type[HttpConnection]", partial(HttpConnection, connections)),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=backlog,
            timeout_graceful_shutdown=GRACE_SECONDS + ABORT_SECONDS,
        )
        self._server = _Uvicorn(config)
        self._serving: asyncio.Task[None] | None = None
        register_fork_aware(self)

    def after_fork_in_child(self) -> Iterable[int]:
        """Return the sockets that a child must close: it neither listens nor keeps connections of the parent open."""
        transports = [connection.transport for connection in self._server.server_state.connections]
        sockets = [transport.get_extra_info("socket") for transport in transports]
        # A socket that is already closed has the number -1.
        return [each.fileno() for each in (self._socket, *sockets) if each is not None and each.fileno() >= 0]

    async def start(self) -> None:
        """Listen, and return once requests are answered. Raises AddressUnavailable if another process listens."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]), name="order_engine http")
        listening = asyncio.create_task(self._server.listening.wait())
        try:
            await asyncio.wait([listening, self._serving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
        if self._serving.done():
            serving, self._serving = self._serving, None
            try:
                serving.result()
            except OSError as error:
                raise _unavailable(*self._address, error) from error

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Accept no more connections, wait that long for unfinished responses, and return. May be called again."""
        self._server.grace_seconds = grace_seconds
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        # Also if it never listened.
        self._socket.close()

    async def ended(self) -> None:
        """Wait until the server has ended, for whatever reason; raise the error that ended it."""
        if self._serving is not None:
            await asyncio.wait([self._serving])
            self._serving.result()


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the service: uvicorn would let the signal end the process, with the exit code of the signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.grace_seconds: float = GRACE_SECONDS

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        aborting = asyncio.get_running_loop().call_later(self.grace_seconds, self._abort_connections)
        try:
            await super().shutdown(sockets)
        finally:
            aborting.cancel()

    def _abort_connections(self) -> None:
        """Abort what is still open, such as incomplete requests: each application sees that its client is gone.

        uvicorn would cancel the applications, and log each with a traceback as an error.
        """
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _unavailable(host: str, port: int, error: OSError) -> AddressUnavailable:
    reason = error.strerror or str(error)
    return AddressUnavailable(f"Cannot listen on {host} port {port}: {reason}. Choose another with --port or --host.")
