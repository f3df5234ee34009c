"""Several hosts in a URL: the one that does not answer costs its share of the time, and the next one is tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.errors import Unavailable
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET
from order_engine_adapters.postgres.connection.target import Target, connect, parse
from order_engine_adapters.postgres.driver import open_target
from tests.integration.postgres.bells import opened, ring_until_heard
from tests.integration.postgres.support import execute, new_schema, server_url
from tests.integration.tcp_proxy import TcpProxy
from tests.postgres_server import free_port

ENGINE_SECONDS = 10.0


@asynccontextmanager
async def _two_ways(query: str = "") -> AsyncIterator[tuple[TcpProxy, TcpProxy, Target]]:
    """Give two ways to one server, the URL of which lists both."""
    straight = await new_schema()
    async with TcpProxy(server_url()) as one, TcpProxy(server_url()) as two:
        hosts = f"127.0.0.1:{one.port},127.0.0.1:{two.port}"
        yield one, two, parse(f"postgresql://postgres@{hosts}/postgres?schema={straight.schema}&pool=2{query}")


async def _refuse(proxy: TcpProxy) -> None:
    await proxy.refuse()


async def _swallow(proxy: TcpProxy) -> None:
    proxy.swallow()


@pytest.mark.parametrize("fault", [_refuse, _swallow])
@pytest.mark.parametrize("query", ["", "&target_session_attrs=read-write", "&target_session_attrs=prefer-standby"])
async def test_first_host_does_not_answer(fault: Callable[[TcpProxy], Awaitable[None]], query: str) -> None:
    """Where the first host refuses connections or is frozen the second one serves, within one call."""
    async with _two_ways(query) as (one, two, target):
        await fault(one)
        async with asyncio.timeout(ENGINE_SECONDS), open_target(target) as repository:
            await repository.add([placement("order-1")])
            assert list(await repository.get(["order-1"])) == ["order-1"]
            assert two.connections > 0


async def test_host_that_freezes_while_it_is_used() -> None:
    """Calls that were under way end in time; after that the other host serves."""
    async with _two_ways() as (one, two, target), open_target(target) as repository:
        await asyncio.gather(*(repository.add([placement(f"before-{number}")]) for number in range(4)))
        assert one.connections > two.connections == 0
        one.swallow()
        async with asyncio.timeout(ENGINE_SECONDS):
            await asyncio.gather(*(repository.get(["before-0"]) for _ in range(2)), return_exceptions=True)
        async with asyncio.timeout(ENGINE_SECONDS):
            await repository.add([placement("after")])
        assert two.connections > 0


async def test_each_host_gets_its_timeout() -> None:
    """With `connect_timeout` each host gets so long, and all of them no more; without it they share the whole."""
    async with _two_ways("&connect_timeout=1") as (one, two, target):
        one.swallow()
        began = time.monotonic()
        await (await connect(target)).close()
        assert 0.9 < time.monotonic() - began < DEFAULT_BUDGET.connecting
        two.swallow()
        for limited, seconds in ((target, 2), (replace(target, connect_timeout=None), DEFAULT_BUDGET.connecting)):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="TimeoutError"):
                await connect(limited)
            assert seconds - 0.1 < time.monotonic() - began < seconds + 2


async def test_no_host_is_what_is_asked_for() -> None:
    """If no host is a standby, a URL that requires one is Unavailable."""
    async with _two_ways("&target_session_attrs=standby") as (_, _, target):
        with pytest.raises(Unavailable, match="target_session_attrs"):
            await connect(target)


async def test_host_that_refuses_us_is_the_last() -> None:
    """As with libpq a host that answers and does not let us in ends the search."""
    async with _two_ways() as (_, two, target):
        await two.refuse()
        nobody = replace(target, url=target.url.replace("/postgres?", "/nowhere?"))
        with pytest.raises(Unavailable, match="does not exist"):
            await connect(nobody)


async def test_any_order() -> None:
    """With `load_balance_hosts=random` both hosts are used by new connections."""
    async with _two_ways("&load_balance_hosts=random") as (one, two, target):
        connections = [await connect(target) for _ in range(16)]
        assert one.connections > 0
        assert two.connections > 0
        for connection in connections:
            await connection.close()


async def test_bell_at_the_second_host() -> None:
    """Notifications work while the first host is frozen."""
    async with _two_ways() as (one, two, target):
        one.swallow()
        url = f"postgresql://postgres@127.0.0.1:{one.port},127.0.0.1:{two.port}/postgres?schema={target.schema}"
        async with opened(f"{url}&connect_timeout=1") as queue:
            await ring_until_heard(queue, queue)


async def test_one_port_for_all() -> None:
    """A port that is given once is that of every host."""
    port = server_url().rpartition(":")[2].partition("/")[0]
    target = parse(f"postgresql://postgres@127.0.0.1,127.0.0.1/postgres?port={port}")
    assert await execute(target, "SELECT 1")
    with pytest.raises(Unavailable):
        await connect(parse(f"postgresql://postgres@127.0.0.1/postgres?port={free_port()}"))
