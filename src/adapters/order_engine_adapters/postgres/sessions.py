"""Connections: a bounded number of them, limits on every wait, and what an error on the way means.

A pool of our own, for the driver's resets a session in a round trip when it is given back, waits without end in a
network that swallows everything, and cannot be told to throw a doubtful connection away. Here a connection is put back
as it is (nothing of a session is ever changed), or terminated.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple, TypeVar

import asyncpg

from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine_adapters.postgres.connecting import CLOSE_SECONDS, Connection, Target, connect, within
from order_engine_adapters.postgres.failures import CONNECTION_LOST, as_unavailable, is_lost, is_race, leaves_doubt

ACQUIRE_SECONDS: Final = 2.5
"""Of waiting for a connection while all are in use."""
CALL_SECONDS: Final = 7.0
"""Of a whole call once it has its turn: with the waiting, under the ten seconds that the engine gives it."""
IDLE_SECONDS: Final = 240.0
"""A connection that was idle for longer is not used again: something on the way may have forgotten it in silence."""

SAVEPOINT: Final = "order_engine_items"
BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"

MOST_RACES: Final = 10
RACE_SECONDS: Final = 0.02

Answer = TypeVar("Answer")


class Session:
    """A connection in use, by statements that are written for the default schema."""

    def __init__(self, connection: Connection, schema: str) -> None:
        """Use `connection` for tables in `schema`."""
        self.connection = connection
        self.may_commit = False
        """Whether what is under way may be committed although its answer does not come."""
        self._schema = schema

    async def rows(self, sql: str, *arguments: object) -> Sequence[Any]:
        """Execute one statement."""
        return await self.connection.fetch(within(sql, self._schema), *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the statement selects
        """Execute one statement and return the first column of its first row; None where there is none."""
        return await self.connection.fetchval(within(sql, self._schema), *arguments)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what is done within it if that fails, and nothing else of the transaction.

        By statements, for the driver's own way refuses a transaction that was begun by one.
        """
        await self.connection.execute(f"SAVEPOINT {SAVEPOINT}")
        try:
            yield
        except Exception as error:
            if not is_lost(error) and not leaves_doubt(error):
                await self.connection.execute(f"ROLLBACK TO {SAVEPOINT}; RELEASE {SAVEPOINT}")
            raise
        await self.connection.execute(f"RELEASE {SAVEPOINT}")


Work = Callable[[Session], Awaitable[Answer]]


class _Idle(NamedTuple):
    connection: Connection
    since: float


class Sessions:
    """The connections of one repository. They are opened when they are needed first, and belong to one event loop."""

    def __init__(self, target: Target) -> None:
        """Connect to `target` at most `target.pool` times at once."""
        self.target = target
        self._free = asyncio.Semaphore(target.pool)
        self._idle: deque[_Idle] = deque()
        self._used: set[Connection] = set()

    async def read(self, work: Work[Answer]) -> Answer:
        """Return what `work` reads. Raises Unavailable."""
        return await self._repeated(lambda: self._read(work))

    async def write(self, work: Work[Answer]) -> Answer:
        """Do `work` that is one single statement, and so its own transaction, in one round trip.

        Raises Unavailable where it took no effect, OutcomeUnknown where it may have. Where sessions are handed around
        on the way, a prepared statement is only good within a transaction, so there it gets one.
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
            await asyncio.sleep(random.uniform(0, RACE_SECONDS * tries))  # noqa: S311 - spreads, and is no secret
        raise AssertionError

    async def _read(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            if not self.target.pooled_elsewhere:
                return await work(session)
            await session.connection.execute(BEGIN)
            answer = await work(session)
            await session.connection.execute("COMMIT")
            return answer

    async def _write(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            session.may_commit = True
            return await work(session)

    async def _transact(self, work: Work[Answer]) -> Answer:
        async with self._session() as session:
            await session.connection.execute(BEGIN)
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
