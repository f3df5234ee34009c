"""A connection pool that adapts to the number of connections it can get.

The driver's own pool resets a session in an extra round trip when it is released, waits forever in a network that drops
everything, and cannot discard a doubtful connection. This pool returns a connection unchanged, since nothing in a
session is ever modified, or terminates it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Final, NamedTuple

import asyncpg

from order_engine.domain.errors import OrderEngineError, Unavailable
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST
from order_engine_adapters.postgres.connection.request_budget import RequestBudget
from order_engine_adapters.postgres.connection.target import CLOSE_SECONDS, Connection

IDLE_SECONDS: Final = 240.0
"""Maximum idle time of a connection. A device on the path may have dropped an older one silently."""
CHECK: Final = "SELECT 1"
GROW_SECONDS: Final = 1.0
"""Delay before another connection attempt after a refused one."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledConnection:
    """A connection taken from the pool. The caller must put it back or discard it once."""

    connection: Connection
    is_new: bool
    """Whether nobody has used it before."""


class _IdleConnection(NamedTuple):
    connection: Connection
    since: float


class Pool:
    """Opens connections on demand. A pool belongs to one event loop.

    Tasks of the pool open connections. A caller takes whichever comes first, a new connection or a returned one. If no
    new one can be opened (no slot left, changed password, unresponsive host), the open ones do the work.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], size: int, place: str, budget: RequestBudget
    ) -> None:
        """Open up to `size` connections. `connect` opens one within its own time limit."""
        self._connect = connect
        self._size = size
        self._place = place
        self._budget = budget
        self._idle: deque[_IdleConnection] = deque()
        self._lent: set[PooledConnection] = set()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[PooledConnection]] = deque()
        self._suspected_at = float("-inf")
        self._grows_at = float("-inf")
        self._refusal: Exception | None = None
        self._is_closed = False

    async def take(self) -> PooledConnection:
        """Take the most recently used connection, so that surplus ones become idle and are closed.

        Raises Unavailable if none is available in time, or the error of `connect` if there are no open connections.
        """
        self._close_old()
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_closed():
                continue
            lent = self._lend(connection, is_new=False)
            if since > self._suspected_at or await self._answers(lent):
                return lent
        return await self._next()

    def put_back(self, lent: PooledConnection) -> None:
        """Return a connection. A closed connection, or one within a transaction, is not reused."""
        if lent not in self._lent:
            return
        if lent.connection.is_closed() or lent.connection.is_in_transaction() or self._is_closed:
            self.discard(lent)
            return
        self._lent.discard(lent)
        self._hand_over(lent.connection, is_new=False)

    def discard(self, lent: PooledConnection) -> None:
        """Terminate a taken connection. No effect on a returned one, which may be in use elsewhere."""
        if lent in self._lent:
            self._lent.discard(lent)
            lent.connection.terminate()
            self._open_more()

    def suspect(self) -> None:
        """Check every idle connection before its next use, because another one was lost."""
        self._suspected_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Close every connection. Connections in use or unresponsive are terminated; waiting callers get an error."""
        self._is_closed = True
        opening = list(self._tasks)
        for task in opening:
            task.cancel()
        self._fail_all(self._closed())
        for lent in self._lent:
            lent.connection.terminate()
        idle, self._idle = self._idle, deque()
        try:
            await asyncio.gather(*opening, *(_close(each.connection) for each in idle), return_exceptions=True)
        finally:
            for each in idle:
                each.connection.terminate()

    def _lend(self, connection: Connection, *, is_new: bool) -> PooledConnection:
        lent = PooledConnection(connection, is_new)
        self._lent.add(lent)
        return lent

    async def _answers(self, lent: PooledConnection) -> bool:
        """Return whether an idle connection still works; discard it if not."""
        try:
            async with asyncio.timeout(self._budget.checking):
                await lent.connection.execute(CHECK)
        except (asyncpg.PostgresError, *CONNECTION_LOST):
            self.discard(lent)
            return False
        except BaseException:
            self.discard(lent)
            raise
        return True

    async def _next(self) -> PooledConnection:
        """Wait for the next opened or returned connection."""
        if self._is_closed:
            raise self._closed()
        waiter: asyncio.Future[PooledConnection] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._open_more()
        try:
            async with asyncio.timeout(self._budget.taking):
                return await waiter
        except TimeoutError as error:
            self._leave(waiter)
            raise self._none_left() from error
        except BaseException:
            self._leave(waiter)
            raise

    def _leave(self, waiter: asyncio.Future[PooledConnection]) -> None:
        """Remove a waiter. A connection that it was given at the same moment goes to the next one."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.put_back(waiter.result())

    def _open_more(self) -> None:
        """Open a connection for each waiter, within the limit."""
        if self._is_closed:
            return
        in_use = len(self._idle) + len(self._lent)
        if in_use and asyncio.get_running_loop().time() < self._grows_at:
            return
        for _ in range(min(len(self._waiting), self._size - in_use) - self._opening):
            self._opening += 1
            task = asyncio.create_task(self._open(), name="order_engine PostgreSQL connection")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        try:
            connection = await self._connect()
        except Exception as error:  # noqa: BLE001 - every error is raised to the waiting callers
            self._opening -= 1
            self._refused(error)
        else:
            self._opening -= 1
            self._refusal = None
            self._hand_over(connection, is_new=True)

    def _hand_over(self, connection: Connection, *, is_new: bool) -> None:
        """Give a connection to the longest waiter, or store it as idle."""
        if self._is_closed:
            connection.terminate()
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._lend(connection, is_new=is_new))
                return
        self._idle.append(_IdleConnection(connection, asyncio.get_running_loop().time()))

    def _refused(self, error: Exception) -> None:
        """Let the waiters share the open connections; without any, raise the error to them."""
        self._refusal = error
        self._grows_at = asyncio.get_running_loop().time() + GROW_SECONDS
        if not self._idle and not self._lent and not self._opening:
            self._fail_all(error)

    def _fail_all(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                # A separate instance for each waiter, since each one is raised and gets its own traceback.
                waiter.set_exception(copy(error) if isinstance(error, OrderEngineError) else error)

    def _close_old(self) -> None:
        too_old = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and self._idle[0].since < too_old:
            self._idle.popleft().connection.terminate()

    def _none_left(self) -> Unavailable:
        message = f"All connections to the PostgreSQL database at {self._place} are in use."
        if self._refusal is not None:
            message = f"{message} Opening another failed: {self._refusal}"
        return Unavailable(message)

    def _closed(self) -> Unavailable:
        return Unavailable(f"The connections to the PostgreSQL database at {self._place} are closed.")


async def _close(connection: Connection) -> None:
    with suppress(asyncpg.PostgresError, *CONNECTION_LOST):
        await connection.close(timeout=CLOSE_SECONDS)
