"""The driver's connection, protected from forked children."""

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
    """A connection of the process that opened it.

    A child with a copy of its socket could write into the session. It would also keep the session and its locks open on
    the server after the parent was killed.
    """

    __slots__ = ("_socket",)

    def __init__(self, protocol: Any, transport: Transport, *arguments: Any) -> None:  # noqa: ANN401 - the driver's own
        """Pass the arguments of the driver on."""
        super().__init__(protocol, transport, *arguments)
        self._socket = transport.get_extra_info("socket")
        register_fork_aware(self)

    def after_fork_in_child(self) -> Iterable[int]:
        """Return the descriptor of the socket while it is open."""
        if self.is_closed() or self._socket is None or self._socket.fileno() < 0:
            return ()
        return (self._socket.fileno(),)
