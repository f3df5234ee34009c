"""The driver's connection, kept from forked children."""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import asyncpg

from order_engine_adapters.process.forks import register_fork_aware

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection


class OwnConnection(_Connection):
    """Belongs to the process that opened it.

    A child that kept a copy of its socket could write into the session, and would keep it on the server, with what it
    has locked, after the parent was killed.
    """

    __slots__ = ("_socket",)

    def __init__(self, protocol: Any, transport: Transport, *arguments: Any) -> None:  # noqa: ANN401 - the driver's own
        """Pass on what the driver gives."""
        super().__init__(protocol, transport, *arguments)
        self._socket = transport.get_extra_info("socket")
        register_fork_aware(self)

    def after_fork_in_child(self) -> Iterable[int]:
        """Return the socket, as long as there is one."""
        if self.is_closed() or self._socket is None or self._socket.fileno() < 0:
            return ()
        return (self._socket.fileno(),)
