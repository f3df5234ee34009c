"""Connections: a bounded number of them, limits on every wait, and what an error on the way means.

A pool of our own, for the driver's resets a session in a round trip when it is given back, waits without end in a
network that swallows everything, and cannot be told to throw a doubtful connection away. Here a connection is put back
as it is (nothing of a session is ever changed), or terminated.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from random import Random, SystemRandom
from typing import Final, NamedTuple

import asyncpg

from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.ports.clock import Clock
from order_engine_adapters.postgres.connecting import CLOSE_SECONDS, Connection, Target, connect
from order_engine_adapters.postgres.failures import CONNECTION_LOST, as_unavailable, is_lost, is_race, leaves_doubt
from order_engine_adapters.postgres.session import Answer, Session, Work

__all__ = ["Session", "Sessions"]

ACQUIRE_SECONDS: Final = 2.5
"""Of waiting for a connection while all are in use."""
CALL_SECONDS: Final = 7.0
"""Of a whole call once it has its turn: with the waiting, under the ten seconds that the engine gives it."""
IDLE_SECONDS: Final = 240.0
"""A connection that was idle for longer is not used again: something on the way may have forgotten it in silence."""

MOST_RACES: Final = 10
RACE_SECONDS: Final = 0.02
"""The longest pause after the first of these; each further one may be longer by as much."""


class _Idle(NamedTuple):
    connection: Connection
    since: float


class Sessions:
    """The connections of one repository. They are opened when they are needed first, and belong to one event loop."""

    def __init__(self, target: Target, clock: Clock | None = None, random: Random | None = None) -> None:
        """Connect to `target` at most `target.pool` times at once.

        `clock` and `random` make the pauses after meeting another transaction; without them they are the event loop's
        and the system's.
        """
        self.target = target
        self._sleep = asyncio.sleep if clock is None else clock.sleep
        self._random = random or SystemRandom()
        self._free = asyncio.Semaphore(target.pool)
        self._idle: deque[_Idle] = deque()
        self._used: set[Connection] = set()

    async def read(self, work: Work[Answer]) -> Answer:
        """Return what `work` reads. Raises Unavailable."""
        return await self._repeated(lambda: self._read(work))

    async def write(self, work: Work[Answer]) -> Answer:
        """Do `work` that is one single statement, and so its own transaction, in one round trip.

        Raises Unavailable where it took no effect, OutcomeUnknown where it may have. Where sessions are handed around
        on the way, our settings only hold within a transaction that has set them, so there it gets one.
        """
        if self.target.pooled_elsewhere:
            return await self.transact(work)
        return await self._repeated(lambda: self._write(work))

    async def transact(self, work: Work[Answer]) -> Answer:
        """Do `work` within a transaction, again where it only met another one. Raises as `write` does."""
        return await self._repeated(lambda: self._transact(work))

    async def close(self) -> None:
        """Close every connection; those that are still in use or do not answer are cut off."""
        for connection in self._used:
            connection.terminate()
        while self._idle:
            connection = self._idle.pop().connection
            with suppress(asyncpg.PostgresError, *CONNECTION_LOST):
                await connection.close(timeout=CLOSE_SECONDS)

    async def _repeated(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        for tries in range(1, MOST_RACES + 1):
            try:
                return await call()
            except asyncpg.PostgresError as error:
                if not is_race(error):
                    raise
                if tries == MOST_RACES:
                    raise as_unavailable(error, self.target.place) or error from error
            await self._sleep(self._random.uniform(0, RACE_SECONDS * tries))
        raise AssertionError

    async def _read(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            if not self.target.pooled_elsewhere:
                return await work(session)
            await session.connection.execute(self.target.begin)
            answer = await work(session)
            await session.connection.execute("COMMIT")
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
            await session.connection.execute("COMMIT")
            return answer

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """Lend a connection, and say what an error on it means. It is kept only after a clean end.

        The whole call is limited here. Within a network that swallows everything the driver would wait for the end of
        what it cancelled; a connection that is cut off waits for nothing.
        """
        await self._acquire()
        session: Session | None = None
        try:
            async with asyncio.timeout(CALL_SECONDS):
                session = Session(await self._idle_or_new(), self.target.schema)
                self._used.add(session.connection)
                try:
                    yield session
                except Exception as error:
                    failure = await self._after_failure(session, error)
                    if failure is error:
                        raise
                    raise failure from error
                self._put_back(session.connection)
        except TimeoutError as error:
            raise self._lost(session, error) from error
        finally:
            if session is not None:
                self._leave(session.connection)
            self._free.release()

    async def _after_failure(self, session: Session, error: Exception) -> Exception:
        """End the transaction and keep the connection, where it still can be trusted; return what to raise."""
        connection = session.connection
        if is_lost(error) or leaves_doubt(error):
            return self._lost(session, error)
        if connection.is_in_transaction():
            try:
                await connection.execute("ROLLBACK")
            except (asyncpg.PostgresError, *CONNECTION_LOST) as lost:
                return self._lost(session, lost)
        self._put_back(connection)
        return error if is_race(error) else as_unavailable(error, self.target.place) or error

    def _lost(self, session: Session | None, error: Exception) -> Exception:
        place = self.target.place
        if session is not None and session.may_commit:
            return OutcomeUnknown(f"The PostgreSQL database at {place} did not answer; the call may have taken effect.")
        return as_unavailable(error, place) or error

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            message = f"All connections to the PostgreSQL database at {self.target.place} are in use."
            raise Unavailable(message) from error

    async def _idle_or_new(self) -> Connection:
        """Return the connection that was used last, so that what is not needed grows old and is closed."""
        too_old = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and self._idle[0].since < too_old:
            self._idle.popleft().connection.terminate()
        while self._idle:
            connection = self._idle.pop().connection
            if not connection.is_closed():
                return connection
        return await connect(self.target)

    def _put_back(self, connection: Connection) -> None:
        if not connection.is_closed():
            self._used.discard(connection)
            self._idle.append(_Idle(connection, asyncio.get_running_loop().time()))

    def _leave(self, connection: Connection) -> None:
        """Cut a connection off that was not put back."""
        if connection in self._used:
            self._used.discard(connection)
            connection.terminate()
