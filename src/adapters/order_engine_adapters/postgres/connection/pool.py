"""A pool of connections, which finds out by itself how many it can have.

A pool of our own, for the driver's resets a session in a round trip when it is given back, waits without end in a
network that swallows everything, and cannot be told to throw a doubtful connection away. Here a connection is put back
as it is (nothing of a session is ever changed), or terminated.
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
"""A connection that was idle for longer is not used again: something on the way may have forgotten it in silence."""
CHECK: Final = "SELECT 1"
GROW_SECONDS: Final = 1.0
"""After a connection was refused, so long those that are open have to do before another is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledConnection:
    """A loan: the connection belongs to the caller until this is put back or discarded, once."""

    connection: Connection
    is_new: bool
    """Whether nobody has used it before."""


class _IdleConnection(NamedTuple):
    connection: Connection
    since: float


class Pool:
    """Lends connections, which are opened when they are needed first. It belongs to one event loop.

    New connections are opened by tasks of the pool's own. So a caller takes whatever comes first, a new connection or
    one that is put back, and where no new one can be had (the server has no slot left, a password was changed, a host
    does not answer) those that are open do the work.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], size: int, place: str, budget: RequestBudget
    ) -> None:
        """Have up to `size` connections at once. `connect` opens one within its own time limit."""
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
        """Lend the connection that was used last, so that what is not needed grows old and is closed.

        Raises Unavailable where none can be had in time, and what `connect` raises where there is no other either.
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
        """Take back a connection after a clean end. What is closed or within a transaction is not used again."""
        if lent not in self._lent:
            return
        if lent.connection.is_closed() or lent.connection.is_in_transaction() or self._is_closed:
            self.discard(lent)
            return
        self._lent.discard(lent)
        self._hand_over(lent.connection, is_new=False)

    def discard(self, lent: PooledConnection) -> None:
        """Cut off a connection that was lent. One that was put back is left alone: it may be lent to another."""
        if lent in self._lent:
            self._lent.discard(lent)
            lent.connection.terminate()
            self._open_more()

    def suspect(self) -> None:
        """Have every connection that is idle now checked before it is used: another one was lost."""
        self._suspected_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Close every connection; those that are still in use or do not answer are cut off, and who waits is told."""
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
        """Whether a connection that was idle is still of use; discard it if not."""
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
        """Wait for the next connection that is opened or put back."""
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
        """Forget a waiter. What it was given in the moment in which it went is for the next."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.put_back(waiter.result())

    def _open_more(self) -> None:
        """Open a connection for each who waits for one, as far as there is room."""
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
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            self._opening -= 1
            self._refused(error)
        else:
            self._opening -= 1
            self._refusal = None
            self._hand_over(connection, is_new=True)

    def _hand_over(self, connection: Connection, *, is_new: bool) -> None:
        """Give a connection to the one who waits for the longest time, or keep it until it is needed."""
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
        """Let those who wait do with the connections that are open; where there is none, tell them why."""
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
