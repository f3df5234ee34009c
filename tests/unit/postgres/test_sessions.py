"""Calls on the connections of a pool: what is done again, what is not known, and what a cancellation leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import asyncpg
import pytest

from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine_adapters.postgres.connection import sessions as sessions_module
from order_engine_adapters.postgres.connection.failures import RACES
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Target
from tests.unit.postgres.fakes import FakeServer
from tests.unit.postgres.test_failures import CODES, DOUBTFUL_CLASSES, EXCEPTIONS, error_of

URL = "postgresql://db.example/shop"
DIRECT = Target(URL, pool=2)
THROUGH_A_POOLER = Target(URL, pool=2, statement_cache_size=0)
STEPS = range(18)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Give connections of a server that only counts; none is left open."""
    server = FakeServer()
    monkeypatch.setattr(sessions_module, "open_session", server.connect)
    yield server
    assert server.open == 0


async def statement(session: Session) -> str:
    """Do something."""
    return str(await session.connection.execute("SELECT"))


def fail_once(server: FakeServer, word: str, error: Exception) -> None:
    """Let the next statement that begins with a word end with an error."""
    errors = [error]

    async def answer(sql: str) -> str:
        await asyncio.sleep(0)
        if sql.startswith(word) and errors:
            raise errors.pop()
        return sql.partition(" ")[0]

    for connection in server.all:
        connection._answer = answer  # noqa: SLF001 - our own
    server.answer = answer


Call = Callable[[Sessions], Awaitable[object]]
CALLS: dict[str, Call] = {
    "read": lambda sessions: sessions.read(statement),
    "write": lambda sessions: sessions.write(statement),
    "transact": lambda sessions: sessions.transact(statement),
}


@pytest.mark.parametrize("target", [DIRECT, THROUGH_A_POOLER], ids=["direct", "pooler"])
@pytest.mark.parametrize("name", CALLS)
async def test_cancelled_at_every_step(server: FakeServer, name: str, target: Target) -> None:
    """A call that is cancelled at whatever step leaves as many connections as before, none within a transaction."""
    sessions = Sessions(target)
    try:
        for step in STEPS:
            calls = [asyncio.ensure_future(CALLS[name](sessions)) for _ in range(3)]
            for _ in range(step):
                await asyncio.sleep(0)
            for call in calls[step % 2 :: 2]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            async with asyncio.timeout(1):
                assert await asyncio.gather(*(sessions.transact(statement) for _ in range(4))) == ["SELECT"] * 4
            assert server.open <= 2
            assert not any(each.is_in_transaction() for each in server.all if not each.is_closed())
    finally:
        await sessions.close()


async def test_commit_is_guarded(server: FakeServer) -> None:
    """After an error of a COMMIT the outcome is unknown for every code that leaves doubt, and for no other."""
    for code in CODES:
        sessions = Sessions(DIRECT)
        fail_once(server, "COMMIT", error_of(code))
        leaves_doubt = EXCEPTIONS.get(code, code[:2] in DOUBTFUL_CLASSES)
        try:
            if code in RACES:
                assert await sessions.transact(statement) == "SELECT"
                continue
            with pytest.raises((OutcomeUnknown, Unavailable, asyncpg.PostgresError)) as caught:
                await sessions.transact(statement)
            assert isinstance(caught.value, OutcomeUnknown) == leaves_doubt, code
        finally:
            await sessions.close()


async def test_commit_that_is_answered_by_a_rollback(server: FakeServer) -> None:
    """A server may roll back instead of committing without an error; the call is Unavailable."""

    async def answer(sql: str) -> str:
        await asyncio.sleep(0)
        return "ROLLBACK" if sql == "COMMIT" else sql

    server.answer = answer
    sessions = Sessions(DIRECT)
    try:
        with pytest.raises(Unavailable, match="rolled back a transaction"):
            await sessions.transact(statement)
    finally:
        await sessions.close()


@pytest.mark.parametrize("code", ["25006", "25P02", "0A000", "42501", "26000"])
async def test_session_that_has_grown_stale(server: FakeServer, code: str) -> None:
    """A call that an old session refuses for what the session is succeeds on another one; the old ones are closed."""
    sessions = Sessions(DIRECT)
    try:
        await asyncio.gather(sessions.write(statement), sessions.write(statement))
        old = list(server.all)
        assert len(old) == 2

        async def refuse(_: str) -> str:
            await asyncio.sleep(0)
            raise error_of(code)

        for connection in old:
            connection._answer = refuse  # noqa: SLF001 - our own
        assert await sessions.write(statement) == "SELECT"
        assert [each.is_closed() for each in old] == [True, True]
        # Where a new one says the same it is the database that is so.
        server.answer = refuse
        server.all[-1].terminate()
        asked = server.asked
        with pytest.raises(Unavailable):
            await sessions.write(statement)
        assert server.asked == asked + 1
    finally:
        await sessions.close()


LOST = [ConnectionResetError(), error_of("57P01", "FATAL"), asyncpg.InterfaceError("connection is closed")]


@pytest.mark.parametrize("error", LOST, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("name", "word"), [("read", "SELECT"), ("transact", "BEGIN"), ("transact", "SELECT")])
async def test_old_connection_that_is_gone(server: FakeServer, name: str, word: str, error: Exception) -> None:
    """Where nothing can have been committed the call is made again when an old connection turns out to be gone."""
    sessions = Sessions(DIRECT)
    try:
        await CALLS[name](sessions)
        fail_once(server, word, error)
        await CALLS[name](sessions)
        assert [each.is_closed() for each in server.all] == [True, False]
        server.all[-1].terminate()
        fail_once(server, word, error)
        with pytest.raises(Unavailable):
            await CALLS[name](sessions)
    finally:
        await sessions.close()


@pytest.mark.parametrize("error", LOST, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("name", "word"), [("write", "SELECT"), ("transact", "COMMIT")])
async def test_connection_that_is_gone_while_it_may_commit(
    server: FakeServer, name: str, word: str, error: Exception
) -> None:
    """A transaction that may have been committed is never repeated; the outcome is unknown."""
    sessions = Sessions(DIRECT)
    try:
        with suppress(Unavailable):
            await CALLS[name](sessions)
        fail_once(server, word, error)
        with pytest.raises(OutcomeUnknown):
            await CALLS[name](sessions)
    finally:
        await sessions.close()
