"""LISTEN on one connection that is monitored and replaced when lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from random import SystemRandom
from typing import Any, Final, NoReturn, TypeVar

import asyncpg

from order_engine.application.retry_policy import Backoff
from order_engine.domain.errors import OrderEngineError, Unavailable
from order_engine.ports.clock import Clock
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST, as_unavailable
from order_engine_adapters.postgres.connection.target import CLOSE_SECONDS, Connection, Target, connect

PING: Final = "SHOW transaction_read_only"
"""Detects a server that has become read-only: another one may have been promoted, and clients notify there."""
PING_SECONDS: Final = 5.0
"""Interval of checks. Without them, a connection that only listens would not notice a lost server."""
ANSWER_SECONDS: Final = 3.0
"""Time limit of a check, and of LISTEN."""
STAY: Final = "idle_session_timeout"
"""A setting that would end this session, which is idle except for the checks."""
SERVER_PROCESS: Final = "SELECT pg_backend_pid()"
LONGEST_PAUSE: Final = 5.0
"""Maximum delay between connection attempts."""

Answer = TypeVar("Answer")


class Listener:
    """Receives notifications on the channel named after the target's schema."""

    def __init__(
        self, target: Target, clock: Clock, heard: Callable[[str], None], away: Callable[[Unavailable | None], None]
    ) -> None:
        """Call `heard` with each payload.

        Call `away` with an error when listening fails, and with None when it works.
        """
        self._target = target
        self._clock = clock
        self._heard = heard
        self._away = away
        self._is_away = False
        self._was_heard = asyncio.Event()
        self._backoff = Backoff(SystemRandom(), cap=LONGEST_PAUSE)

    async def run(self) -> NoReturn:
        """Listen until cancelled. Notifications sent while no connection listens are lost."""
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - an ended listener would not be restarted
                if not self._is_away:
                    self._is_away = True
                    self._away(self._as_unavailable(error))
            await self._clock.sleep(self._backoff.pause())

    async def _listen(self) -> NoReturn:
        """Listen on a new connection until it is lost, which raises. The connection is closed in any case."""
        connection = await connect(self._target, settings={STAY: "0"})
        try:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            connection.add_termination_listener(lambda _: gone.set_result(None))
            server_process = await self._answered(connection, _server_process(connection))
            await self._ask(connection)
            await self._answered(connection, connection.add_listener(self._target.schema, self._notified))
            if server_process != connection.get_server_pid():
                await self._prove()
                await self._answered(connection, connection.execute(f"SET {STAY} = 0"))
            self._is_away = False
            self._away(None)
            while not await self._ends_within(PING_SECONDS, gone):
                await self._ask(connection)
                # Only reset here: a server that closes each session after LISTEN would be retried without a delay.
                self._backoff.reset()
            message = f"The PostgreSQL database at {self._target.place} closed the LISTEN connection."
            raise Unavailable(message)
        finally:
            await _close(connection)

    async def _ask(self, connection: Connection) -> None:
        """Raise the error of a write if the server accepts none."""
        if await self._answered(connection, connection.fetchval(PING)) != "off":
            raise asyncpg.ReadOnlySQLTransactionError

    async def _prove(self) -> None:
        """Raise Unavailable unless a notification from another connection arrives.

        A pooler may respond instead of the server. If it shares sessions per transaction, LISTEN succeeds without an
        error but no notification arrives.
        """
        self._was_heard.clear()
        ringing = await connect(self._target)
        hearing = asyncio.ensure_future(self._was_heard.wait())
        try:
            await self._answered(ringing, ringing.execute(f'NOTIFY "{self._target.schema}"'))
            if await self._ends_within(ANSWER_SECONDS, hearing):
                return
        finally:
            hearing.cancel()
            await _close(ringing)
        message = (
            f"Notifications do not arrive at {self._target.place}. A pooler such as PgBouncer in transaction mode does "
            "not support LISTEN. Set notify=off, or use a queue URL that connects to the server directly."
        )
        raise Unavailable(message)

    async def _answered(self, connection: Connection, call: Coroutine[Any, Any, Answer]) -> Answer:
        """Await a call on `connection`, and terminate the connection if the call times out or is cancelled.

        The call itself is never cancelled: the driver would send a cancel request to the server and wait for it.
        """
        asking = asyncio.ensure_future(call)
        try:
            await self._ends_within(ANSWER_SECONDS, asking)
        finally:
            if not asking.done():
                connection.terminate()
                await asyncio.gather(asking, return_exceptions=True)
        return asking.result()

    async def _ends_within(self, seconds: float, waited_for: asyncio.Future[Any]) -> bool:
        """Wait for an awaitable for at most `seconds`. Return whether it has ended. It is not cancelled."""
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait([waited_for, timer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return waited_for.done()

    def _notified(self, connection: object, process_id: int, channel: str, payload: object) -> None:  # noqa: ARG002 - the driver's
        self._was_heard.set()
        self._heard(str(payload))

    def _as_unavailable(self, error: Exception) -> Unavailable:
        if isinstance(error, OrderEngineError):
            return error if isinstance(error, Unavailable) else Unavailable(str(error))
        place = self._target.place
        message = f"The PostgreSQL database at {place} does not accept LISTEN ({type(error).__name__})."
        return as_unavailable(error, place) or Unavailable(message)


async def _server_process(connection: Connection) -> int:
    """Return the process id of the server process, as reported by itself."""
    async with connection.transaction():
        number: int = await connection.fetchval(SERVER_PROCESS)
        return number


async def _close(connection: Connection) -> None:
    try:
        with suppress(asyncpg.PostgresError, *CONNECTION_LOST):
            await connection.close(timeout=CLOSE_SECONDS)
    finally:
        connection.terminate()
