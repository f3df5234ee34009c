"""The open connections of one server: their number, and their deadlines."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping
from random import Random, SystemRandom
from typing import Final, Protocol

from order_engine_adapters.http.errors import ConnectionsExhausted, RequestRefused, TooManyConnections
from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection_state import ConnectionState, seconds_by_state
from order_engine_adapters.http.server.error_responses import ErrorResponses
from order_engine_adapters.http.server.write_buffer import FlushQueue

CHECK_SECONDS: Final = 0.25
"""Interval between two checks of the deadlines. A connection expires at the last check before its deadline."""
NEVER: Final = math.inf
RETRY_SECONDS: Final = 5
MAX_REFUSED_AT_ONCE: Final = 256
"""Connections over the limit that get an answer; any more are aborted."""


class TimedConnection(Protocol):
    """A connection with a deadline."""

    due: float
    """The deadline, by the clock of the event loop; NEVER: none."""

    def expire(self) -> None:
        """Act on the deadline."""


class OpenConnections:
    """Counts connections and checks their deadlines.

    One timer checks all of them: a timer for each would be set and cancelled with every request.
    """

    def __init__(self, limits: ConnectionLimits, random: Random | None = None) -> None:
        """Start with none; the timer runs only while there are some. `random` makes the prefix of request ids."""
        self.limits = limits
        self.seconds: Mapping[ConnectionState, float] = seconds_by_state(limits)
        self.error_responses: ErrorResponses = ErrorResponses(random or SystemRandom())
        self.flushes: FlushQueue = FlushQueue()
        self._addresses: dict[TimedConnection, str | None] = {}
        self._refused: set[TimedConnection] = set()
        self._by_address: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self, connection: TimedConnection, address: str | None, loop: asyncio.AbstractEventLoop
    ) -> RequestRefused | None:
        """Check the deadline of a connection until it is removed. Return the limit that it exceeds, if any."""
        refusal = self._refusal(address)
        if refusal is not None:
            # A refused connection counts towards no limit.
            self._refused.add(connection)
            address = None
        self._addresses[connection] = address
        if address is not None:
            self._by_address[address] += 1
        if self._timer is None:
            self._check_later(loop)
        return refusal

    def remove(self, connection: TimedConnection) -> None:
        """Forget a connection that is closed."""
        self._refused.discard(connection)
        address = self._addresses.pop(connection, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _refusal(self, address: str | None) -> RequestRefused | None:
        most = self.limits.connections
        if len(self._addresses) - len(self._refused) >= most:
            return ConnectionsExhausted(most, RETRY_SECONDS)
        most = self.limits.connections_per_address
        if most and address is not None and self._by_address[address] >= most:
            return TooManyConnections(most, RETRY_SECONDS)
        return None

    @property
    def too_many_refused(self) -> bool:
        """Whether too many refused connections are open to send a response to another one."""
        return len(self._refused) > MAX_REFUSED_AT_ONCE

    def _check_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(CHECK_SECONDS, self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        # First, so that an error of one connection does not end the checks of all.
        if self._addresses:
            self._check_later(loop)
        next_check = loop.time() + CHECK_SECONDS
        for connection in [each for each in self._addresses if each.due <= next_check]:
            connection.expire()
