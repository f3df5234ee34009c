"""Clients that do not give up: each order is posted until some service has acknowledged it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.integration.conversation import BROKEN, Connection, connected, post_order

ANSWER_SECONDS: Final = 3.0
"""After which a client turns to another service: the one that it asked may stand still."""
AGAIN_SECONDS: Final = 0.02
ORDERS_PER_CONNECTION: Final = 50
"""Then a client turns to another service, so that one that was started again gets clients too."""


@dataclass
class Clients:
    """All clients of one run, and what they know of their orders."""

    orders: Mapping[str, bytes]
    addresses: Callable[[], Sequence[str]]
    """Where the services are that have told it; some may be dead by now."""
    random: Random
    orders_per_second: float = 0.0
    """Of all clients together; 0: as fast as they are answered."""
    unacknowledged: dict[str, bytes] = field(default_factory=dict)
    replays: int = 0
    """Placings whose first answer got lost: the order was there already."""
    refusals: int = 0
    """Answers 503, after which a client waits a little and asks again."""
    broken: int = 0
    """Connections that broke, or on which an answer was waited for in vain."""

    async def place_all(self, clients: int) -> None:
        """Place every order. Raises AssertionError for an answer that is neither 201 nor 503."""
        self.unacknowledged = dict(self.orders)
        feed = enumerate(self.orders)
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._place(feed, begun))

    async def _place(self, feed: Iterator[tuple[int, str]], begun: float) -> None:
        order_id = await self._next(feed, begun)
        while order_id is not None:
            try:
                async with connected(await self._somewhere()) as connection:
                    for _ in range(ORDERS_PER_CONNECTION):
                        if order_id is not None and await self._post(connection, order_id):
                            order_id = await self._next(feed, begun)
            except BROKEN:
                self.broken += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def _somewhere(self) -> str:
        while not (addresses := self.addresses()):  # noqa: ASYNC110 - a process that starts tells nobody
            await asyncio.sleep(AGAIN_SECONDS)
        return self.random.choice(addresses)

    async def _next(self, feed: Iterator[tuple[int, str]], begun: float) -> str | None:
        """Return the next order when it is its time; None: there is none."""
        number, order_id = next(feed, (0, None))
        if self.orders_per_second and order_id is not None:
            due = begun + number / self.orders_per_second
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        return order_id

    async def _post(self, connection: Connection, order_id: str) -> bool:
        """Ask for one order to be placed; return whether it is acknowledged."""
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await connection.ask(post_order(self.orders[order_id]))
        if answer.status == 201:
            self.replays += "idempotent-replayed" in answer.headers
            del self.unacknowledged[order_id]
            return True
        assert answer.status == 503, f"{order_id}: {answer}"
        self.refusals += 1
        await asyncio.sleep(AGAIN_SECONDS)
        return False
