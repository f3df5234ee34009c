"""The PostgreSQL queue: LISTEN and NOTIFY between processes that share a database.

Notifications are hints. Polling the repository finds orders whose notification was lost because nobody listened, a
connection was lost or the buffer was full.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine.ports.clock import Clock
from order_engine.ports.queue import OrderQueue
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.queue.listener import Listener
from order_engine_adapters.postgres.queue.notifier import Notifier
from order_engine_adapters.postgres.queue.payload import decode

DEFAULT_CAPACITY: Final = 10_000
"""Received ids that were not yet requested. Older ones are worth little."""

SWITCH: Final = "notify"


@dataclass(frozen=True, slots=True)
class PostgresQueueDriver:
    """Opens the queue of a database: the repository's URL, with `notify=off` where notifications do not work.

    They do not behind PgBouncer in transaction mode, so where `statement_cache_size=0` says that something of the kind
    is there, they are off unless `notify=on` is given. Connections are made when they are needed first.
    """

    request_seconds: float = DEFAULT_BUDGET.request_seconds

    def within(self, request_seconds: float) -> PostgresQueueDriver:
        """Return a driver whose calls end within the time limit of a request."""
        return replace(self, request_seconds=request_seconds)

    @asynccontextmanager
    async def __call__(self, url: str, *, clock: Clock) -> AsyncIterator[OrderQueue]:
        """Ring and listen for as long as the context lasts."""
        target, is_on = _parse(url, RequestBudget(self.request_seconds))
        if not is_on:
            yield SilentQueue()
            return
        queue = PostgresQueue(target, clock)
        try:
            yield queue
        finally:
            await queue.close()


open_queue: PostgresQueueDriver = PostgresQueueDriver()


class PostgresQueue:
    """Notifies every process that listens on the same database and schema, including this one.

    It uses two connections: one for NOTIFY, and one for LISTEN from the first `get` on. Both reconnect by themselves.
    """

    def __init__(self, target: Target, clock: Clock, capacity: int = DEFAULT_CAPACITY) -> None:
        """Start empty. Store up to `capacity` received ids and drop the oldest ones beyond that."""
        self._ringer = Notifier(target, clock)
        self._listener = Listener(target, clock, self._heard, self._away)
        self._listening: asyncio.Task[object] | None = None
        self._capacity = capacity
        self._order_ids: OrderedDict[str, None] = OrderedDict()
        self._trouble: Unavailable | None = None
        self._changed = asyncio.Event()
        self._is_closed = False

    async def put(self, order_ids: Sequence[str]) -> None:
        """Notify of these orders, as many as fit into one notification. Raises Unavailable."""
        await self._ringer.ring(order_ids)

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for at least one id and return up to `limit`, oldest first.

        Raises Unavailable once per outage of the LISTEN connection. The next call waits until it works again.
        """
        if self._listening is None and not self._is_closed:
            self._listening = asyncio.create_task(self._listener.run())
        while not self._order_ids:
            self._raise_trouble()
            self._changed.clear()
            await self._changed.wait()
        return [self._order_ids.popitem(last=False)[0] for _ in range(min(limit, len(self._order_ids)))]

    async def close(self) -> None:
        """Stop listening and close both connections, by force after a time limit."""
        self._is_closed = True
        self._changed.set()
        try:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.wait([self._listening])
        finally:
            await self._ringer.close()

    def _heard(self, payload: str) -> None:
        self._order_ids.update(dict.fromkeys(decode(payload)))
        while len(self._order_ids) > self._capacity:
            self._order_ids.popitem(last=False)
        if self._order_ids:
            self._changed.set()

    def _away(self, error: Unavailable | None) -> None:
        self._trouble = error
        self._changed.set()

    def _raise_trouble(self) -> None:
        if self._is_closed:
            message = "The queue is closed."
            raise Unavailable(message)
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble


class SilentQueue:
    """The queue without notifications: polling finds every order."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Do nothing."""

    async def get(self, limit: int) -> Sequence[str]:  # noqa: ARG002 - the port's signature
        """Wait until cancelled."""
        never: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        return await never


def _parse(url: str, budget: RequestBudget) -> tuple[Target, bool]:
    """Return the target of the queue and whether it is enabled. Raises InvalidSetting."""
    address, _, query = url.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    target = parse(f"{address}?{'&'.join(''.join(pair) for pair in pairs if pair[0] != SWITCH)}", budget)
    given = [value for name, _, value in pairs if name == SWITCH]
    switch = given[-1] if given else "off" if target.pooled_elsewhere else "on"
    if switch not in {"on", "off"}:
        message = f"Invalid {SWITCH} {switch!r}. Allowed: on, off."
        raise InvalidSetting(message)
    return target, switch == "on"
