"""The pool of connections: nothing is lent twice, nothing gets lost, and a shortage is no outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.postgres.connection import pool as pool_module
from order_engine_adapters.postgres.connection.pool import Pool, PooledConnection
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget
from tests.unit.postgres.fakes import FakeConnection, FakeServer

MANY_STEPS = 60
FULL = Unavailable("has no disk space, memory or connections left")


@asynccontextmanager
async def opened(server: FakeServer, size: int, budget: RequestBudget = DEFAULT_BUDGET) -> AsyncIterator[Pool]:
    """Open a pool, and see that it leaves neither a connection nor a task."""
    before = asyncio.all_tasks()
    pool = Pool(server.connect, size, "db.example/shop", budget)
    try:
        yield pool
    finally:
        await pool.close()
    await turns(1)
    assert server.open == 0
    assert asyncio.all_tasks() == before


async def turns(number: int) -> None:
    """Let so many turns of the event loop pass."""
    for _ in range(number):
        await asyncio.sleep(0)


async def expect_whole(pool: Pool, size: int) -> None:
    """See that the pool lends as many connections as it may, each to one alone, all of use."""
    async with asyncio.timeout(1):
        lent = await asyncio.gather(*(pool.take() for _ in range(size)))
    connections = [each.connection for each in lent]
    assert len(set(connections)) == size
    assert not any(each.is_closed() or each.is_in_transaction() for each in connections)
    for each in lent:
        pool.put_back(each)


async def borrow(pool: Pool, server: FakeServer, held: set[object], steps: int, *, is_clean: bool) -> None:
    """Take a connection, check that it is exclusive, and return or discard it."""
    lent = await pool.take()
    try:
        assert lent.connection not in held
        assert not lent.connection.is_closed()
        held.add(lent.connection)
        await turns(steps)
        assert server.open <= 2
        held.discard(lent.connection)
        if is_clean:
            pool.put_back(lent)
    finally:
        held.discard(lent.connection)
        pool.discard(lent)


@pytest.mark.parametrize("step", range(MANY_STEPS))
async def test_cancelled_at_any_moment(step: int) -> None:
    """A caller cancelled at any step leaks no connection."""
    server, held = FakeServer(), set[object]()
    async with opened(server, 2) as pool:
        kinds = Random(step).choices([True, False], k=7)  # noqa: S311 - to be repeated
        tasks = [
            asyncio.create_task(borrow(pool, server, held, 1 + number % 3, is_clean=is_clean))
            for number, is_clean in enumerate(kinds)
        ]
        await turns(step // 3)
        for task in tasks[step % 3 :: 3]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, asyncio.CancelledError) for each in outcomes), outcomes
        await expect_whole(pool, 2)


async def test_cancelled_in_the_moment_it_is_given_one() -> None:
    """A connection given to a caller that is cancelled in the same iteration goes to the next waiter."""
    server = FakeServer()
    async with opened(server, 1) as pool:
        lent = await pool.take()
        first, second = asyncio.create_task(pool.take()), asyncio.create_task(pool.take())
        await turns(2)
        pool.put_back(lent)
        first.cancel()
        async with asyncio.timeout(1):
            given = await second
        assert first.cancelled()
        assert given.connection is lent.connection
        pool.put_back(given)
        await expect_whole(pool, 1)


async def test_put_back_once() -> None:
    """A loan that was given back does nothing any more, be the connection idle or lent to another meanwhile."""
    server = FakeServer()
    async with opened(server, 1) as pool:
        lent = await pool.take()
        waiting = asyncio.create_task(pool.take())
        await turns(2)
        pool.put_back(lent)
        pool.put_back(lent)
        pool.discard(lent)
        again = await waiting
        assert not again.connection.is_closed()
        nobody = asyncio.create_task(pool.take())
        await turns(5)
        assert not nobody.done()
        pool.put_back(again)
        pool.put_back(await nobody)
        await expect_whole(pool, 1)


async def test_put_back_within_a_transaction() -> None:
    """A connection that is within a transaction, or closed, is not used again."""
    server = FakeServer()
    async with opened(server, 1) as pool:
        for spoil in (FakeConnection.terminate, lambda each: setattr(each, "_is_in_transaction", True)):
            lent = await pool.take()
            spoil(server.all[-1])
            pool.put_back(lent)
            assert lent.connection.is_closed()
            await expect_whole(pool, 1)


async def _refused(pool: Pool) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await pool.take()
    return caught.value


async def test_no_more_connections_are_to_be_had() -> None:
    """With one connection open and every further one refused, all who ask are served by that one, in turn."""
    server = FakeServer()
    async with opened(server, 8) as pool:
        pool.put_back(await pool.take())
        server.refusal = FULL
        served: list[int] = []

        async def serve(number: int) -> None:
            lent = await pool.take()
            await turns(2)
            served.append(number)
            pool.put_back(lent)

        async with asyncio.timeout(2):
            await asyncio.gather(*(serve(number) for number in range(50)))
        assert served == list(range(50))
        # The first refusal is enough for a while.
        assert server.asked <= 8


async def test_grows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """When connections can be had again the pool finds out, and is as large as it may be."""
    monkeypatch.setattr(pool_module, "GROW_SECONDS", 0.01)
    server = FakeServer()
    async with opened(server, 4) as pool:
        lent = await pool.take()
        server.refusal = FULL
        waiting = asyncio.create_task(pool.take())
        await turns(5)
        assert not waiting.done()
        server.refusal = None
        await asyncio.sleep(0.02)
        others = await asyncio.gather(*(pool.take() for _ in range(2)))
        for each in (lent, await waiting, *others):
            pool.put_back(each)
        await expect_whole(pool, 4)


async def test_refused_and_nothing_else_is_open() -> None:
    """Without any connection, every waiter gets a separate instance of the error."""
    server = FakeServer()
    server.refusal = FULL
    async with opened(server, 2) as pool:
        errors = await asyncio.gather(*(_refused(pool) for _ in range(5)))
        assert {str(each) for each in errors} == {str(FULL)}
        assert len(set(map(id, errors))) == 5


async def test_refused_after_the_last_was_lost() -> None:
    """A waiter whose last candidate is discarded gets the reason why no other can be opened."""
    server = FakeServer()
    async with opened(server, 2) as pool:
        lent = await pool.take()
        server.refusal = FULL
        waiting = asyncio.create_task(_refused(pool))
        await turns(5)
        assert not waiting.done()
        pool.discard(lent)
        assert str(await waiting) == str(FULL)


async def test_waits_no_longer_than_the_limit() -> None:
    """A waiter that times out gets the reason why no more are opened, and is removed."""
    server = FakeServer()
    async with opened(server, 2, RequestBudget(0.1)) as pool:
        lent = await pool.take()
        server.refusal = FULL
        told = str(await _refused(pool))
        assert "in use" in told
        assert str(FULL) in told
        pool.put_back(lent)
        server.refusal = None
        await asyncio.sleep(0)
        assert (await pool.take()).connection is lent.connection


async def test_suspects_are_checked() -> None:
    """After `suspect` a connection that was idle is asked before it is lent, and thrown away where it errs or hangs."""
    server = FakeServer()
    statements: list[str] = []

    async def answer(sql: str) -> str:
        statements.append(sql)
        if len(statements) == 1:
            raise ConnectionResetError
        return ""

    server.answer = answer
    async with opened(server, 2) as pool:
        lent: Sequence[PooledConnection] = await asyncio.gather(pool.take(), pool.take())
        for each in lent:
            pool.put_back(each)
        pool.suspect()
        found = await pool.take()
        assert statements == ["SELECT 1"] * 2
        assert (found.is_new, found.connection) == (False, lent[0].connection)
        assert lent[1].connection.is_closed()
        pool.put_back(found)
        await pool.take()
        assert len(statements) == 2


@pytest.mark.parametrize("step", range(8))
async def test_cancelled_while_a_suspect_is_checked(step: int) -> None:
    """A check that is cancelled at any moment leaves the pool whole."""
    server = FakeServer()
    async with opened(server, 1) as pool:
        pool.put_back(await pool.take())
        pool.suspect()
        taking = asyncio.create_task(pool.take())
        await turns(step)
        taking.cancel()
        with suppress(asyncio.CancelledError):
            pool.put_back(await taking)
        await expect_whole(pool, 1)


async def test_closed() -> None:
    """Closing notifies waiters, terminates connections in use, and lends no more."""
    server = FakeServer()
    async with opened(server, 1) as pool:
        lent = await pool.take()
        waiting = asyncio.create_task(_refused(pool))
        await turns(2)
        await pool.close()
        assert "closed" in str(await waiting)
        assert lent.connection.is_closed()
        pool.put_back(lent)
        assert "closed" in str(await _refused(pool))


async def test_nothing_is_opened_for_those_who_have_gone() -> None:
    """Who was cancelled while he waited wants no connection any more."""
    server = FakeServer()
    async with opened(server, 2) as pool:
        lent = await pool.take()
        server.refusal = FULL
        waiting = asyncio.create_task(pool.take())
        await turns(5)
        waiting.cancel()
        await turns(2)
        asked = server.asked
        pool.discard(lent)
        await turns(5)
        assert server.asked == asked


@pytest.mark.parametrize("step", range(5))
async def test_closed_while_it_connects(step: int) -> None:
    """Closing while a connection is being opened leaves none."""
    server = FakeServer()
    async with opened(server, 1) as pool:
        taking = asyncio.gather(pool.take(), return_exceptions=True)
        await turns(step)
    await taking
    assert server.open == 0
