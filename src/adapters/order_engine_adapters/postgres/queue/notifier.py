"""NOTIFY: sends order ids to all listeners, combining concurrent calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg

from order_engine.domain.errors import OrderEngineError, Unavailable
from order_engine.ports.clock import Clock
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST, as_unavailable
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Target
from order_engine_adapters.postgres.queue.payload import LARGEST_PAYLOAD, encode

NOTIFY: Final = "SELECT current_setting('transaction_read_only') FROM pg_notify($1, $2)"
MAX_PENDING_IDS: Final = LARGEST_PAYLOAD // len('"a",')
"""No payload holds more ids, so no more are stored for one."""


class _NotifyBatch:
    """The ids of the calls that share one notification."""

    def __init__(self) -> None:
        self.order_ids: dict[str, None] = {}
        self.failure: str | None = "The notification was not sent because the sending call was cancelled."

    def add(self, order_ids: Sequence[str]) -> None:
        room = max(MAX_PENDING_IDS - len(self.order_ids), 0)
        self.order_ids.update(dict.fromkeys(order_ids[:room]))


class Notifier:
    """Sends notifications on the channel named after the target's schema, over one connection opened on demand.

    NOTIFY takes a server-wide lock at commit, so concurrent calls share the next notification.
    """

    def __init__(self, target: Target, clock: Clock) -> None:
        """Send to `target`."""
        self._target = target
        self._sessions = Sessions(replace(target, pool=1), clock)
        self._next = _NotifyBatch()
        self._turn = asyncio.Lock()

    async def ring(self, order_ids: Sequence[str]) -> None:
        """Notify of these orders, as many as fit. Raises Unavailable. Waits at most two call time limits."""
        if not order_ids:
            return
        mine = self._next
        mine.add(order_ids)
        async with self._turn:
            if mine is self._next:
                self._next = _NotifyBatch()
                await self._send(mine)
        if mine.failure is not None:
            raise Unavailable(mine.failure)

    async def close(self) -> None:
        """Close the connection. A running call raises Unavailable."""
        await self._sessions.close()

    async def _send(self, round_: _NotifyBatch) -> None:
        payload = encode(round_.order_ids)
        try:
            if payload is not None:
                await self._notify(payload)
        except OrderEngineError as error:
            round_.failure = str(error)
        except (asyncpg.PostgresError, *CONNECTION_LOST) as error:
            place = self._target.place
            known = as_unavailable(error, place)
            round_.failure = str(
                known or f"The PostgreSQL database at {place} refused NOTIFY ({type(error).__name__})."
            )
        else:
            round_.failure = None

    async def _notify(self, payload: str) -> None:
        async def notify(session: Session) -> None:
            if await session.value(NOTIFY, self._target.schema, payload) != "off":
                # NOTIFY succeeds on a read-only server, but nobody listens there: the session predates a failover.
                raise asyncpg.ReadOnlySQLTransactionError

        await self._sessions.write(notify)
