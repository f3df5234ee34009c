"""The HTTP server of a process, available from its start."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from order_engine.ports.clock import Clock
from order_engine_adapters.http import ConnectionLimits
from order_engine_adapters.http.server.server import Server
from order_engine_adapters.http.service.starting_app import SwitchableApp
from order_engine_adapters.service.process import until_first
from order_engine_adapters.service.siblings import Siblings


class FrontServer:
    """Serves one application while the process starts, and another one from `switch` on.

    With several processes at one address, starting processes serve only while no other one is ready. Otherwise a client
    could get 503 although another process would have accepted its order.
    """

    def __init__(
        self, bound: socket.socket, app: ASGIApp, limits: ConnectionLimits, clock: Clock, siblings: Siblings | None
    ) -> None:
        """Serve `app` at first. `siblings` are the other processes that accept on the same socket."""
        self._app = SwitchableApp(app)
        self._clock = clock
        self._siblings = siblings
        self._server = Server(self._app, bound, limits=limits)
        self._early: Server | None = None
        if siblings is not None and not siblings.serve:
            # A duplicate, since a server closes its socket when it stops.
            self._early = Server(self._app, bound.dup(), limits=limits)
        self._leaving: asyncio.Task[None] | None = None
        self._switched = asyncio.Event()

    async def start(self) -> None:
        """Start serving unless a sibling is ready. Raises AddressUnavailable."""
        if self._siblings is None:
            await self._server.start()
        elif self._early is not None:
            await self._early.start()
            self._leaving = asyncio.create_task(self._leave(self._early, self._siblings), name="order_engine front")

    async def switch(self, app: ASGIApp) -> None:
        """Serve `app` from now on, also on open connections. Raises AddressUnavailable."""
        self._app.app = app
        if self._siblings is not None:
            await self._server.start()
        self._switched.set()

    async def ended(self) -> None:
        """Wait for the end of the server and raise its error, if any. Call it after `switch`."""
        await self._server.ended()

    async def stop(self) -> None:
        """Accept no more connections and finish running requests. While starting there are none."""
        if self._early is not None:
            await self._early.stop(0)
        if self._leaving is not None:
            self._leaving.cancel()
        await (self._server.stop() if self._switched.is_set() else self._server.stop(0))

    async def _leave(self, early: Server, siblings: Siblings) -> None:
        """Stop serving in favour of a ready sibling."""
        await until_first(siblings.until_one_serves(self._clock), self._switched.wait())
        await early.stop()


@asynccontextmanager
async def answering_at(
    bound: socket.socket | None, app: ASGIApp, limits: ConnectionLimits, clock: Clock, siblings: Siblings | None
) -> AsyncIterator[FrontServer | None]:
    """Serve `app` at an address until `switch`; yields None without an address."""
    if bound is None:
        yield None
        return
    front = FrontServer(bound, app, limits, clock, siblings)
    try:
        await front.start()
        yield front
    finally:
        await front.stop()
