"""The PostgreSQL queue in outages: errors within time limits, recovery by itself, and no leaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.postgres.queue.listener import ANSWER_SECONDS, LONGEST_PAUSE, PING, PING_SECONDS
from tests.integration.postgres.bells import (
    CLIENTS,
    LISTENERS,
    PLENTY,
    ask,
    new_channel,
    opened,
    ring_until_heard,
    told_unavailable,
    until,
)
from tests.postgres_server import Server, running_server

END_LISTENERS = LISTENERS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")
END_ALL = CLIENTS.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server that these tests may stop."""
    with running_server() as running:
        yield running


async def test_heals_after_its_listener_was_killed(server: Server) -> None:
    """`get` raises once when the connection is terminated; it is replaced, and later notifications arrive."""
    url = new_channel(server.url)
    async with opened(url) as one, opened(url) as two:
        await ring_until_heard(one, two)
        told = asyncio.create_task(told_unavailable(two))
        assert len(await ask(url, END_LISTENERS)) == 1
        assert "LISTEN" in await told
        await ring_until_heard(one, two)


async def test_heals_after_every_connection_was_killed(server: Server) -> None:
    """A put whose connection was ended makes another."""
    url = new_channel(server.url)
    async with opened(url) as queue:
        await ring_until_heard(queue, queue)
        await ask(url, END_ALL)
        await ring_until_heard(queue, queue)


async def test_heals_after_the_server_was_away(server: Server) -> None:
    """While the server is stopped, `put` raises Unavailable and `get` raises once and waits; then both work again."""
    async with opened(new_channel(server.url)) as queue:
        await ring_until_heard(queue, queue)
        told = asyncio.create_task(told_unavailable(queue))
        await asyncio.to_thread(server.stop)
        try:
            assert await told
            with pytest.raises(Unavailable):
                await queue.put(["order-1"])
            getter = asyncio.create_task(queue.get(PLENTY))
            with pytest.raises(Unavailable):
                await queue.put(["order-1"])
            assert not getter.done()
            getter.cancel()
        finally:
            await asyncio.to_thread(server.start)
        await ring_until_heard(queue, queue)


async def test_opened_while_the_server_is_away(server: Server) -> None:
    """A queue opens while its server is stopped, raises Unavailable, and works once the server runs."""
    server.stop()
    async with opened(new_channel(server.url)) as queue:
        try:
            assert "127.0.0.1" in await told_unavailable(queue)
        finally:
            server.start()
        await ring_until_heard(queue, queue)


async def test_trouble_that_is_over_is_not_told(server: Server) -> None:
    """A `get` after the connection was replaced raises no error."""
    url = new_channel(server.url)
    async with opened(url) as one, opened(url) as two:
        await ring_until_heard(one, two)
        (ended,) = await ask(url, END_LISTENERS)
        assert ended

        async def is_replaced() -> bool:
            return bool(await ask(url, LISTENERS))

        await until(is_replaced)
        getter = asyncio.create_task(two.get(1))
        await asyncio.sleep(0)
        await one.put(["order-1"])
        assert await getter == ["order-1"]


async def test_dead_connection_is_noticed(server: Server) -> None:
    """A server that has fallen silent is found out by a question that it does not answer in time."""
    clock = ManualClock()
    async with opened(new_channel(server.url), clock) as queue:
        await ring_until_heard(queue, queue)
        told = asyncio.create_task(told_unavailable(queue))
        server.pause()
        try:
            await clock.advance(PING_SECONDS)
            assert not told.done()
            await clock.advance(ANSWER_SECONDS)
            assert await told
        finally:
            server.go_on()
        await clock.advance(LONGEST_PAUSE)
        await ring_until_heard(queue, queue)


async def test_an_answer_keeps_the_connection(server: Server) -> None:
    """A connection whose server answers the question is kept."""
    clock, url = ManualClock(), new_channel(server.url)
    async with opened(url, clock) as queue:
        await ring_until_heard(queue, queue)
        listeners = await ask(url, LISTENERS)
        await clock.advance(PING_SECONDS)

        async def is_asked() -> bool:
            sql = f"SELECT query FROM pg_stat_activity WHERE pid = {listeners[0]} AND state = 'idle'"  # noqa: S608
            return await ask(url, sql) == [PING]

        await until(is_asked)
        await clock.advance(PING_SECONDS)
        await ring_until_heard(queue, queue)
        assert await is_asked()


async def test_session_that_would_be_ended_for_being_idle(server: Server) -> None:
    """With `idle_session_timeout` set at the server the connection that listens stays, and others are replaced."""
    await ask(server.url, "ALTER SYSTEM SET idle_session_timeout = '200ms'")
    await ask(server.url, "SELECT pg_reload_conf()")
    try:
        url = new_channel(server.url)
        async with opened(url) as queue:
            await ring_until_heard(queue, queue)
            listeners = await ask(url, LISTENERS)
            await asyncio.sleep(0.6)
            assert await ask(url, LISTENERS) == listeners
            await queue.put(["order-1"])
            assert await queue.get(1) == ["order-1"]
    finally:
        await ask(server.url, "ALTER SYSTEM RESET idle_session_timeout")
        await ask(server.url, "SELECT pg_reload_conf()")


async def test_server_that_takes_no_changes_any_more(server: Server) -> None:
    """A queue on a read-only server is unavailable until it is writable, since clients notify elsewhere."""
    clock, url = ManualClock(), new_channel(server.url)
    writing = f"{server.url}?options=-c%20default_transaction_read_only%3Doff"
    async with opened(url, clock) as queue:
        await ring_until_heard(queue, queue)
        told = asyncio.create_task(told_unavailable(queue))
        await ask(server.url, "ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            await ask(server.url, "SELECT pg_reload_conf()")

            async def rings_no_more() -> bool:
                try:
                    await queue.put(["order-1"])
                except Unavailable as error:
                    return "is read-only" in str(error)
                return False

            await until(rings_no_more)
            await clock.advance(PING_SECONDS)
            assert "is read-only" in await told
        finally:
            await ask(writing, "ALTER SYSTEM RESET default_transaction_read_only")
            await ask(writing, "SELECT pg_reload_conf()")
        await clock.advance(LONGEST_PAUSE)
        await ring_until_heard(queue, queue)


async def test_put_has_a_time_limit(server: Server) -> None:
    """A put to a server that has fallen silent ends as Unavailable, and so do those that wait for their turn."""
    async with opened(new_channel(server.url), request_seconds=2) as queue:
        await queue.put(["order-1"])
        server.pause()
        try:
            puts = [queue.put([f"order-{number}"]) for number in range(3)]
            outcomes = await asyncio.gather(*puts, return_exceptions=True)
        finally:
            server.go_on()
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
        await ring_until_heard(queue, queue)


async def test_no_secret_is_told(server: Server) -> None:
    """Error messages contain the place, but neither user nor password."""
    url = new_channel(server.url.replace("postgres@", "someone:hidden@"))
    async with opened(url) as queue:
        told = await told_unavailable(queue)
        assert "127.0.0.1" in told
        assert "hidden" not in told
        assert "someone" not in told
        with pytest.raises(Unavailable) as refused:
            await queue.put(["order-1"])
        assert "hidden" not in str(refused.value)
