"""Answering at the address of a process, from the moment it starts."""

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
    """Answers with one application while the process starts, and with another from `switch` on.

    Of several processes at one address those that start answer only as long as nobody serves: a client shall not be
    told that the service starts while another process would have taken its order.
    """

    def __init__(
        self, bound: socket.socket, app: ASGIApp, limits: ConnectionLimits, clock: Clock, siblings: Siblings | None
    ) -> None:
        """Answer with `app` at first; `siblings` are the other processes that accept on the same socket."""
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
        """Answer from now on, unless a sibling does. Raises AddressUnavailable."""
        if self._siblings is None:
            await self._server.start()
        elif self._early is not None:
            await self._early.start()
            self._leaving = asyncio.create_task(self._leave(self._early, self._siblings), name="order_engine front")

    async def switch(self, app: ASGIApp) -> None:
        """Answer with `app` from now on, also on connections that are open. Raises AddressUnavailable."""
        self._app.app = app
        if self._siblings is not None:
            await self._server.start()
        self._switched.set()

    async def ended(self) -> None:
        """Return when the server has ended, asked or not; raise what it ended of. To be called after `switch`."""
        await self._server.ended()

    async def stop(self) -> None:
        """Take no more connections, and let answers under way end. What still starts has no such answers."""
        if self._early is not None:
            await self._early.stop(0)
        if self._leaving is not None:
            self._leaving.cancel()
        await (self._server.stop() if self._switched.is_set() else self._server.stop(0))

    async def _leave(self, early: Server, siblings: Siblings) -> None:
        """Leave the address to those who serve."""
        await until_first(siblings.until_one_serves(self._clock), self._switched.wait())
        await early.stop()


@asynccontextmanager
async def answering_at(
    bound: socket.socket | None, app: ASGIApp, limits: ConnectionLimits, clock: Clock, siblings: Siblings | None
) -> AsyncIterator[FrontServer | None]:
    """Answer with `app` at an address until the answers are switched; None where there is no address."""
    if bound is None:
        yield None
        return
    front = FrontServer(bound, app, limits, clock, siblings)
    try:
        await front.start()
        yield front
    finally:
        await front.stop()
