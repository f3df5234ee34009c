"""All connections of one server: how many there may be, and which have taken too long."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from random import Random, SystemRandom
from typing import Final, Protocol

from order_engine_adapters.http.errors import ConnectionsExhausted, RequestRefused, TooManyConnections
from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.outgoing import Turn
from order_engine_adapters.http.server.refusals import Refusals

LOOK_SECONDS: Final = 0.25
"""How often deadlines are looked at. A deadline is met when it would be over before the next look."""
NEVER: Final = math.inf
RETRY_SECONDS: Final = 5
SENT_AWAY_AT_ONCE: Final = 256
"""How many connections beyond the limit are told why at once; of more, each is cut off."""


class Watched(Protocol):
    """A connection with a deadline."""

    due: float
    """By the clock of the event loop; NEVER: none."""

    def expire(self) -> None:
        """End what was due."""


class Connections:
    """Counts connections and watches their deadlines.

    One timer looks at all of them: a timer for each would be set and cancelled with every request.
    """

    def __init__(self, limits: ConnectionLimits, random: Random | None = None) -> None:
        """Begin with none; the timer runs only while there are some. `random` is where the ids of refusals begin."""
        self.limits = limits
        self.refusals = Refusals(random or SystemRandom())
        self.turn = Turn()
        self._open: dict[Watched, str | None] = {}
        self._sent_away: set[Watched] = set()
        self._by_address: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def opened(
        self, connection: Watched, address: str | None, loop: asyncio.AbstractEventLoop
    ) -> RequestRefused | None:
        """Watch a connection until it is closed. Return why it is one too many; None: it is not."""
        refusal = self._refusal(address)
        if refusal is not None:
            # Those who are sent away take no place from others.
            self._sent_away.add(connection)
            address = None
        self._open[connection] = address
        if address is not None:
            self._by_address[address] += 1
        if self._timer is None:
            self._look_later(loop)
        return refusal

    def closed(self, connection: Watched) -> None:
        """Watch it no longer."""
        self._sent_away.discard(connection)
        address = self._open.pop(connection, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _refusal(self, address: str | None) -> RequestRefused | None:
        if len(self._open) - len(self._sent_away) >= self.limits.connections:
            return ConnectionsExhausted(self.limits.connections, RETRY_SECONDS)
        most = self.limits.connections_per_address
        if most and address is not None and self._by_address[address] >= most:
            return TooManyConnections(most, RETRY_SECONDS)
        return None

    @property
    def has_time_for_words(self) -> bool:
        """Whether one more connection beyond the limit can be told so before it is closed."""
        return len(self._sent_away) <= SENT_AWAY_AT_ONCE

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        next_look = loop.time() + LOOK_SECONDS
        for connection in [each for each in self._open if each.due <= next_look]:
            connection.expire()
        self._timer = None
        if self._open:
            self._look_later(loop)
