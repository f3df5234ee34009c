"""Calls on pooled connections with time limits and error handling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random, SystemRandom
from typing import Final

import asyncpg

from order_engine.domain.errors import InvalidSetting, OutcomeUnknown, Unavailable
from order_engine.ports.clock import Clock
from order_engine_adapters.postgres.connection.failures import (
    CONNECTION_LOST,
    as_unavailable,
    ends_session,
    is_race,
    is_stale,
    leaves_doubt,
)
from order_engine_adapters.postgres.connection.pool import Pool, PooledConnection
from order_engine_adapters.postgres.connection.preconditions import open_session
from order_engine_adapters.postgres.connection.session import Answer, Session, Work
from order_engine_adapters.postgres.connection.target import Target

__all__ = ["Session", "Sessions"]

MAX_RACE_RETRIES: Final = 10
RACE_SECONDS: Final = 0.02
"""Maximum delay after the first race. Each further one may be longer by as much."""
COMMITTED: Final = "COMMIT"
"""Command tag of a successful COMMIT. A failed one returns ROLLBACK without an error."""


class _RetryableFailure(Exception):
    """Nothing was changed and a retry may succeed, on another connection or after a race."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Sessions:
    """The sessions of one repository. They belong to one event loop."""

    def __init__(self, target: Target, clock: Clock | None = None, random: Random | None = None) -> None:
        """Open up to `target.pool` connections to `target`.

        `clock` and `random` determine the delays after races; the defaults are those of the event loop and the system.
        """
        self.target = target
        self._sleep = asyncio.sleep if clock is None else clock.sleep
        self._random = random or SystemRandom()
        self._pool = Pool(lambda: open_session(target, self._random), target.pool, target.place, target.budget)

    async def read(self, work: Work[Answer]) -> Answer:
        """Return what `work` reads. Raises Unavailable."""
        return await self._repeated(lambda: self._read(work))

    async def write(self, work: Work[Answer]) -> Answer:
        """Execute `work`, a single statement and thus its own transaction, in one round trip.

        Raises Unavailable if it had no effect, OutcomeUnknown if it may have. With a pooler, session settings apply
        only within a transaction that sets them, so it runs in one.
        """
        if self.target.pooled_elsewhere:
            return await self.transact(work)
        return await self._repeated(lambda: self._write(work))

    async def transact(self, work: Work[Answer]) -> Answer:
        """Execute `work` in a transaction, and retry it after a conflict. Raises as `write` does."""
        return await self._repeated(lambda: self._transact(work))

    async def close(self) -> None:
        """Close every connection. Connections in use or unresponsive are terminated."""
        await self._pool.close()

    async def _repeated(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Execute a call, and retry it after each race and after each stale connection.

        Every stale connection is discarded, so there are at most as many as connections.
        """
        races = stale = 0
        while True:
            try:
                return await call()
            except _RetryableFailure as again:
                lost_race = is_race(again.error)
                races, stale = races + lost_race, stale + (not lost_race)
                if races == MAX_RACE_RETRIES or stale > self.target.pool:
                    raise as_unavailable(again.error, self.target.place) or again.error from again.error
            if lost_race:
                await self._sleep(self._random.uniform(0, RACE_SECONDS * races))

    async def _read(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            if not self.target.pooled_elsewhere:
                return await work(session)
            await session.connection.execute(self.target.begin)
            answer = await work(session)
            await self._commit(session)
            return answer

    async def _write(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            session.may_commit = True
            return await work(session)

    async def _transact(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            await session.connection.execute(self.target.begin)
            answer = await work(session)
            session.may_commit = True
            await self._commit(session)
            return answer

    async def _commit(self, session: Session) -> None:
        if await session.connection.execute("COMMIT") != COMMITTED:
            message = (
                f"The PostgreSQL database at {self.target.place} rolled back a transaction instead of committing it."
            )
            raise Unavailable(message)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """Take a connection and convert its errors. It is returned only after a clean end.

        The whole call has a time limit. In a network that drops everything, the driver would wait for the completion of
        a cancel request; terminating the connection waits for nothing.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.target.budget.call
        lent = await self._take()
        session = Session(lent.connection, self.target.schema)
        try:
            async with asyncio.timeout_at(min(ends, loop.time() + self.target.budget.working)):
                try:
                    yield session
                except Exception as error:
                    failure = await self._after_failure(session, lent, error)
                    if failure is error:
                        raise
                    raise failure from error
            self._pool.put_back(lent)
        except TimeoutError as error:
            raise self._lost(session, error) from error
        finally:
            # No effect if the connection was returned to the pool.
            self._pool.discard(lent)

    async def _take(self) -> PooledConnection:
        try:
            return await self._pool.take()
        except InvalidSetting as error:
            # The setting was valid when this process started, and may become valid again.
            raise Unavailable(str(error), lasting=True) from error

    async def _after_failure(self, session: Session, lent: PooledConnection, error: Exception) -> Exception:
        """Roll back and return the connection if it is still reliable. Return the error to raise."""
        if leaves_doubt(error):
            failure = self._lost(session, error)
            may_repeat = not (session.may_commit or lent.is_new or isinstance(error, TimeoutError))
            return _RetryableFailure(error) if may_repeat else failure
        if not ends_session(error) and await self._is_rolled_back(lent):
            self._pool.put_back(lent)
        if is_race(error) or (is_stale(error) and not lent.is_new):
            return _RetryableFailure(error)
        return as_unavailable(error, self.target.place) or error

    async def _is_rolled_back(self, lent: PooledConnection) -> bool:
        """Roll back the transaction, if any. Return whether it has ended."""
        if lent.connection.is_in_transaction():
            try:
                await lent.connection.execute("ROLLBACK")
            except (asyncpg.PostgresError, *CONNECTION_LOST):
                self._pool.suspect()
                return False
        return True

    def _lost(self, session: Session, error: Exception) -> Exception:
        """Return the error to raise for an unknown outcome. Other connections may be lost, too."""
        self._pool.suspect()
        place = self.target.place
        if session.may_commit:
            return OutcomeUnknown(
                f"The PostgreSQL database at {place} did not respond. The call may have taken effect."
            )
        return as_unavailable(error, place) or error
