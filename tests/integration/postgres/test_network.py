"""The repository and the queue over a network that misbehaves: every call ends in time, and all heals by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.domain.metrics import fold_statistics
from order_engine.domain.order import Status
from order_engine.ports.repository import AddOutcome
from order_engine_adapters.postgres.connection.target import Target, parse
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.crash_rounds import fresh_seed
from tests.integration.postgres.bells import LISTENERS, ask, new_channel, opened, ring_until_heard, told_unavailable
from tests.integration.postgres.support import complete, execute, new_schema, server_url
from tests.integration.tcp_proxy import COMMIT, TcpProxy

ENGINE_SECONDS = 10.0
"""What the engine gives a call by default: the adapter, which knows more, has to answer first."""
LONGEST_PEACE = 0.15
"""Seconds between two resets under load."""
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'order_engine' AND pid <> pg_backend_pid()
"""
AWAY = (Unavailable, OutcomeUnknown)


@asynccontextmanager
async def _over(proxy: TcpProxy, cache: int = 100) -> AsyncIterator[tuple[Target, PostgresRepository]]:
    straight = await new_schema()
    through = parse(f"{proxy.url}?schema={straight.schema}&pool=3")
    async with open_target(replace(through, statement_cache_size=cache)) as repository:
        yield straight, repository


async def _outcomes(*calls: Awaitable[object]) -> list[object]:
    """Return what the calls end with, which has to be within the time that the engine gives them."""
    async with asyncio.timeout(ENGINE_SECONDS):
        return list(await asyncio.gather(*calls, return_exceptions=True))


async def test_black_hole() -> None:
    """Calls on connections that are open, and calls that need new ones, end in time; afterwards the next succeeds."""
    async with TcpProxy(server_url()) as proxy, _over(proxy) as (_, repository):
        await asyncio.gather(*(repository.add([placement(f"before-{number}")]) for number in range(3)))
        proxy.swallow()
        first = await _outcomes(
            repository.add([placement("silent-1")]), repository.claim(terms("claim-1")), repository.get(["before-1"])
        )
        assert [type(each) for each in first] == [OutcomeUnknown, OutcomeUnknown, Unavailable]
        second = await _outcomes(*(repository.add([placement(f"silent-{number}")]) for number in range(4)))
        assert {type(each) for each in second} == {Unavailable}
        proxy.heal()
        await repository.add([placement("after")])
        names = ["before-0", "silent-1", "silent-2", "after"]
        assert list(await repository.get(names)) == ["before-0", "after"]


async def test_connections_that_are_closed() -> None:
    """Idle connections closed by the network are replaced, and no call fails."""
    async with TcpProxy(server_url()) as proxy, _over(proxy) as (_, repository):
        await asyncio.gather(*(repository.add([placement(f"before-{number}")]) for number in range(3)))
        proxy.close_all()
        while proxy.connections:  # noqa: ASYNC110 - the proxy's own loop is this one
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        await repository.add([placement("after")])
        assert (await repository.statistics()).total_orders == 4


async def test_connections_that_are_refused() -> None:
    """While connections are refused calls are Unavailable at once; then they succeed without anybody's help."""
    async with TcpProxy(server_url()) as proxy, _over(proxy) as (_, repository):
        await proxy.refuse()
        proxy.reset_all()
        for outcome in await _outcomes(repository.apply([]), repository.get(["order-1"])):
            assert isinstance(outcome, AWAY)
        with pytest.raises(Unavailable, match="Cannot connect to"):
            await repository.add([placement("order-1")])
        await proxy.accept()
        await repository.add([placement("order-1")])


async def test_slow_network() -> None:
    """A network that is slow makes calls slow, and no call fails."""
    async with TcpProxy(server_url()) as proxy, _over(proxy) as (_, repository):
        proxy.delay_seconds = 0.1
        await repository.add([placement("order-1"), placement("order-2")])
        held = (await repository.claim(terms("claim-1"))).orders
        applied = await repository.apply([complete(order) for order in held])
        assert [each.refusal for each in applied] == [None, None]


@pytest.mark.parametrize(("cache", "marker"), [(100, b"order-1"), (0, COMMIT)], ids=["statement", "COMMIT"])
async def test_answer_to_a_commit_is_lost(cache: int, marker: bytes) -> None:
    """The outcome is unknown, the order exists, and a retry gets the first result."""
    async with TcpProxy(server_url()) as proxy, _over(proxy, cache) as (_, repository):
        await repository.add([placement("before")])
        hold = terms("claim-1")
        proxy.lose_answer(marker)
        with pytest.raises(OutcomeUnknown):
            await repository.add([placement("order-1")], hold)
        assert proxy.lost.is_set()
        ((again),) = await repository.add([placement("order-1")], hold)
        assert again.outcome is AddOutcome.REPLAYED
        await _completes_once(proxy, repository, hold, marker if cache == 0 else b"order-1")
        assert [event.version for event in await repository.history("order-1", 0, 10)] == [1, 2, 3]


async def _completes_once(proxy: TcpProxy, repository: PostgresRepository, hold: ClaimTerms, marker: bytes) -> None:
    """Claim and report, both answers being lost; asked again the claim has the same orders, the report is applied."""
    (held,) = (await repository.claim(hold)).orders
    proxy.lose_answer(marker)
    with pytest.raises(OutcomeUnknown):
        await repository.apply([complete(held)])
    (applied,) = await repository.apply([complete(held)])
    assert applied.refusal is None


@pytest.mark.parametrize(("cache", "marker"), [(100, b"order-1"), (0, COMMIT)], ids=["statement", "COMMIT"])
async def test_request_is_lost(cache: int, marker: bytes) -> None:
    """What never reached the server is not known either; nothing is there, and asked again it is added."""
    async with TcpProxy(server_url()) as proxy, _over(proxy, cache) as (_, repository):
        await repository.add([placement("before")])
        proxy.lose_request(marker)
        with pytest.raises(OutcomeUnknown):
            await repository.add([placement("order-1")])
        assert await repository.get(["order-1"]) == {}
        ((again),) = await repository.add([placement("order-1")])
        assert again.outcome is AddOutcome.ADDED


@pytest.mark.parametrize("blow", ["reset", "terminate"])
async def test_connections_that_end_at_random(blow: str) -> None:
    """However often connections are reset or sessions ended under load, each order is placed and completed once."""
    seed, orders = fresh_seed(), 240
    random = Random(seed)  # noqa: S311 - to be repeated
    async with TcpProxy(server_url()) as proxy, _over(proxy) as (straight, repository):
        loads = [_place_and_complete(repository, number) for number in range(orders)]
        loading = asyncio.gather(*(_one_after_the_other(loads[lane::12]) for lane in range(12)))
        blows = 0
        while not loading.done():
            await asyncio.sleep(random.uniform(0, LONGEST_PEACE))
            if blow == "reset":
                proxy.reset_all()
            else:
                await execute(straight, END_SESSIONS)
            blows += 1
        await loading
        # The last reset may not have reached the connections that are idle.
        await asyncio.sleep(LONGEST_PEACE)
        events = (await repository.events(None, 10_000)).events
        for number in range(orders):
            check_history(await repository.history(f"order-{number}", 0, 100))
        statistics = await repository.statistics()
        assert blows > 0
        assert statistics.status_counts[Status.COMPLETED] == statistics.total_orders == orders, f"seed {seed}"
        assert statistics == fold_statistics(sorted(events, key=lambda event: event.version))


async def _one_after_the_other(calls: Sequence[Awaitable[None]]) -> None:
    for call in calls:
        await call


async def _place_and_complete(repository: PostgresRepository, number: int) -> None:
    """Place an order, born claimed, and report it complete, each until it is answered."""
    hold = terms(f"claim-{number}", lease_seconds=600, limit=1)
    is_placed = False
    while True:
        try:
            if not is_placed:
                await repository.add([placement(f"order-{number}")], hold)
                is_placed = True
            for held in (await repository.claim(replace(hold, order_ids=[f"order-{number}"]))).orders:
                (applied,) = await repository.apply([complete(held)])
                assert applied.refusal is None
            if (await repository.get([f"order-{number}"]))[f"order-{number}"].status.ended:
                return
        except AWAY:
            await asyncio.sleep(0.005)


async def test_bell_notices_a_black_hole_and_rings_again() -> None:
    """The listener detects a dead connection without an error, and notifications work again afterwards."""
    async with TcpProxy(server_url()) as proxy:
        url = new_channel(proxy.url)
        straight = url.replace(proxy.url, server_url())
        async with opened(url) as queue:
            await ring_until_heard(queue, queue)
            proxy.swallow()
            told, put = await asyncio.gather(told_unavailable(queue), queue.put(["order-1"]), return_exceptions=True)
            assert "127.0.0.1" in str(told)
            assert isinstance(put, Unavailable)
            proxy.heal()
            await ring_until_heard(queue, queue)
            assert await ask(straight, LISTENERS)
