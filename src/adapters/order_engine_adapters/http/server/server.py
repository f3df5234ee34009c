"""The server that runs an application: uvicorn, with signals, log and shutdown in our own hands."""

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
from order_engine_adapters.http.server.connections import Connections
from order_engine_adapters.http.server.protocol import Protocol
from order_engine_adapters.process.forks import register_fork_aware

BACKLOG = 2048
LINGER_SECONDS = 3
"""How long answers under way may take when the server stops; the engine is drained by then."""
LEAVING_SECONDS = 2
"""How long requests may take to end once their connections are cut off."""


class AddressUnavailable(Unavailable):
    """The address cannot be bound: another process listens there, or it is not this machine's."""

    code = "address_unavailable"


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address and does not listen yet. Raises AddressUnavailable."""
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
    """Return the URL that the server behind this socket answers at, as seen from this machine."""
    host, port = bound.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if bound.family is socket.AF_INET6 else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server:
    """Serves one application on one socket, from `start` until `stop`."""

    def __init__(
        self, app: ASGIApp, bound: socket.socket, *, limits: ConnectionLimits | None = None, backlog: int = BACKLOG
    ) -> None:
        """Prepare; nothing listens yet. `bound` is closed when the server stops."""
        self._socket = bound
        self._address: tuple[str, int] = bound.getsockname()[:2]
        watch = Connections(limits or ConnectionLimits())
        config = uvicorn.Config(
            app,
            # uvicorn calls it as it would call the class.
            http=cast("type[Protocol]", partial(Protocol, watch)),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=backlog,
            timeout_graceful_shutdown=LINGER_SECONDS + LEAVING_SECONDS,
        )
        self._server = _Uvicorn(config)
        self._serving: asyncio.Task[None] | None = None
        register_fork_aware(self)

    def after_fork_in_child(self) -> Iterable[int]:
        """Neither listen in a child nor keep connections open that the parent closes."""
        transports = [connection.transport for connection in self._server.server_state.connections]
        sockets = [transport.get_extra_info("socket") for transport in transports]
        # One that the loop has closed meanwhile has the number -1.
        return [each.fileno() for each in (self._socket, *sockets) if each is not None and each.fileno() >= 0]

    async def start(self) -> None:
        """Listen. Returns when requests are answered. Raises AddressUnavailable where another process listens there."""
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

    async def stop(self, linger_seconds: float = LINGER_SECONDS) -> None:
        """Take no more connections, let answers under way end for so long, and return. May be called again."""
        self._server.linger_seconds = linger_seconds
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        # Also where it never listened.
        self._socket.close()

    async def ended(self) -> None:
        """Return when the server has ended, asked or not; raise what it ended of."""
        if self._serving is not None:
            await asyncio.wait([self._serving])
            self._serving.result()


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to the service: uvicorn would end the process by the signal, with its exit code."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.linger_seconds: float = LINGER_SECONDS

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        cut = asyncio.get_running_loop().call_later(self.linger_seconds, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            cut.cancel()

    def _cut_off(self) -> None:
        """Close what is still open, such as half-sent requests: each finds that its client is gone, and ends.

        uvicorn would cancel them, and log every one with a traceback as an error.
        """
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _unavailable(host: str, port: int, error: OSError) -> AddressUnavailable:
    reason = error.strerror or str(error)
    return AddressUnavailable(f"Cannot listen on {host} port {port}: {reason}. Choose another with --port or --host.")
