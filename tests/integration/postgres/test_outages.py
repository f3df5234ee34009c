"""What callers see of a database that goes away, and that everything heals by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.migrations import migrate_target, shipped
from tests.integration.postgres.support import complete, execute, new_schema
from tests.postgres_server import Server, running_server

KILL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'order_engine' AND pid <> pg_backend_pid() AND datname = current_database()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server of these tests' own, which they stop and start."""
    with running_server() as running:
        yield running


@asynccontextmanager
async def _opened(
    server: Server, budget: RequestBudget = DEFAULT_BUDGET
) -> AsyncIterator[tuple[Target, PostgresRepository]]:
    target = replace(parse(server.url, budget), pool=3)
    await migrate_target(target, shipped())
    async with open_target(target) as repository:
        yield target, repository


async def test_idle_connections_that_were_killed_are_replaced() -> None:
    """Idle connections closed by the server are detected and replaced, and no call fails."""
    target = await new_schema()
    async with open_target(target) as repository:
        await asyncio.gather(*(repository.add([placement(f"order-{number}")]) for number in range(4)))
        await execute(target, KILL_OTHERS)
        await asyncio.sleep(0.1)
        await repository.add([placement("after")])
        assert (await repository.statistics()).total_orders == 5


async def test_connections_killed_in_use() -> None:
    """Calls whose connection is killed under them raise what the port allows; asked again, all is well and once."""
    target = await new_schema()
    async with open_target(target) as repository:
        errors = 0

        async def place(number: int) -> None:
            nonlocal errors
            while True:
                try:
                    await repository.add([placement(f"order-{number}")], terms(f"claim-{number}", limit=1))
                except (Unavailable, OutcomeUnknown):
                    errors += 1
                    continue
                held = (await repository.claim(terms(f"claim-{number}", limit=0))).orders
                if held:
                    await repository.apply([complete(held[0])])
                return

        async def kill() -> None:
            for _ in range(25):
                await execute(target, KILL_OTHERS)
                await asyncio.sleep(0.01)

        killing = asyncio.create_task(kill())
        for start in range(0, 400, 20):
            done = await asyncio.gather(*(place(start + each) for each in range(20)), return_exceptions=True)
            assert all(each is None or isinstance(each, Unavailable | OutcomeUnknown) for each in done), done
        await killing
        assert (await repository.statistics()).total_orders == 400


async def test_server_that_is_stopped_and_started(server: Server) -> None:
    """While the server is down calls are Unavailable at once; when it is back they succeed without anybody's help."""
    async with _opened(server) as (_, repository):
        await repository.add([placement("before")])
        await asyncio.to_thread(server.stop)
        for _ in range(3):
            started = time.monotonic()
            with pytest.raises(Unavailable):
                await repository.add([placement("during")])
            with pytest.raises(Unavailable):
                await repository.apply([])
            with pytest.raises(Unavailable):
                await repository.get(["before"])
            assert time.monotonic() - started < 3
        await asyncio.to_thread(server.start)
        await repository.add([placement("after")])
        assert sorted(await repository.get(["before", "during", "after"])) == ["after", "before"]


async def test_acknowledged_orders_survive_a_crash(server: Server) -> None:
    """What was acknowledged is there after the server was stopped without any farewell."""
    async with _opened(server) as (_, repository):
        names = [f"durable-{number}" for number in range(200)]
        await asyncio.gather(*(repository.add([placement(name)]) for name in names))
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.to_thread(server.start)
        with suppress(Unavailable):
            await repository.apply([])
        assert len(await repository.get(names)) == 200


async def test_server_that_answers_nothing(server: Server) -> None:
    """A network that swallows everything makes calls fail within their limit, and heals when it is over."""
    async with _opened(server, RequestBudget(1.5)) as (_, repository):
        await repository.add([placement("held")])
        server.pause()
        try:
            started = time.monotonic()
            calls = [repository.add([placement(f"silent-{number}")]) for number in range(4)]
            outcomes = await asyncio.gather(*calls, repository.get(["held"]), return_exceptions=True)
            assert time.monotonic() - started < 3
            assert all(isinstance(each, Unavailable | OutcomeUnknown) for each in outcomes), outcomes
            assert any(isinstance(each, OutcomeUnknown) for each in outcomes)
            assert isinstance(outcomes[-1], Unavailable)
        finally:
            server.go_on()
        async with asyncio.timeout(20):
            while True:
                # A call of so short a request may still meet what the server has to catch up with.
                with suppress(Unavailable):
                    assert list(await repository.get(["held"])) == ["held"]
                    break


async def test_cancelled_call_is_whole_or_nothing() -> None:
    """A cancelled call stores all of its orders or none, and its connection does not affect others."""
    target = await new_schema()
    async with open_target(target) as repository:
        for number in range(30):
            names = [f"order-{number}-{index}" for index in range(40)]
            adding = asyncio.create_task(repository.add([placement(name) for name in [*names, names[0]]]))
            await asyncio.sleep(number / 4_000)
            adding.cancel()
            with suppress(asyncio.CancelledError):
                await adding
            # The server may still be at it for a moment.
            await repository.add([placement(f"probe-{number}")])
            assert len(await repository.get(names)) in {0, 40}


async def test_database_that_takes_no_changes() -> None:
    """Where nothing can be written, the probe of an empty batch and every other change are Unavailable."""
    target = await new_schema()
    async with open_target(target) as repository:
        await repository.add([placement("order-1")])
    read_only = replace(target, url=f"{target.url}&options=-c%20default_transaction_read_only%3Don")
    sessions = Sessions(read_only)
    try:
        repository = PostgresRepository(sessions)
        with pytest.raises(Unavailable, match="is read-only"):
            await repository.apply([])
        with pytest.raises(Unavailable):
            await repository.add([placement("order-2")])
        assert list(await repository.get(["order-1"])) == ["order-1"]
    finally:
        await sessions.close()


async def test_all_connections_in_use() -> None:
    """A call without a connection in time is Unavailable; running calls continue."""
    sessions = Sessions(replace(await new_schema(), pool=1, budget=RequestBudget(2)))
    repository, is_over = PostgresRepository(sessions), asyncio.Event()

    async def occupy(session: Session) -> str:
        await is_over.wait()
        return str(await session.value("SELECT 'done'"))

    try:
        occupying = asyncio.create_task(sessions.transact(occupy))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="in use"):
            await repository.get(["order-1"])
        is_over.set()
        assert await occupying == "done"
        assert not await repository.get(["order-1"])
    finally:
        await sessions.close()
