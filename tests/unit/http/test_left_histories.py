"""Streams whose repository goes back in time, by a restore or a fail-over to a server that has missed something."""

from __future__ import annotations

from copy import deepcopy

import pytest

from order_engine.contracts.samples import terms
from order_engine_adapters.memory import MemoryRepository
from tests.unit.http.following import Follower, following
from tests.unit.http.serving import Service, serving
from tests.unit.http.test_order_events import EVENT_STREAM, versions


def _copy(service: Service) -> MemoryRepository:
    return deepcopy(service.bench.store, {id(service.bench.clock): service.bench.clock})


async def _refused(service: Service, target: str, last_id: str | None) -> None:
    assert last_id
    for method in ("GET", "HEAD"):
        response = await service.client.send(method, target, [EVENT_STREAM, ("last-event-id", last_id)])
        assert response.status == 400
        if method == "GET":
            assert (response.code, "restore" in response.json()["detail"]) == ("invalid_header", True)


async def _ended(follower: Follower) -> None:
    assert "interrupted" in (await follower.to_the_end()).comments[-1]


async def test_all_orders() -> None:
    """No stream continues over a gap: open streams end, their ids are refused, and new streams get the later events."""
    async with serving() as service, following(service.client, "/events") as first:
        await first.begun()
        await service.place("kept")
        await first.events(1)
        backup = _copy(service)
        await service.place("lost1", "lost2")
        await first.events(3)
        async with following(service.client, "/events") as second:
            await second.begun()
            service.bench.repository.lead_to(backup)
            await service.bench.advance(1)
            for number in range(3):
                await service.place(f"new{number}")
            for follower in (first, second):
                await _ended(follower)
                assert "new" not in str(follower.parser.sent)
                await _refused(service, "/events", follower.parser.last_id)
        async with following(service.client, "/events") as third:
            await third.begun()
            await service.place("new3")
            assert (await third.events(1)).sent[0].document()["order_id"] == "new3"


async def test_a_stream_that_comes_before_anybody_has_noticed() -> None:
    """It begins with what is there now; those that have seen the history that was left end."""
    async with serving() as service, following(service.client, "/events") as old:
        backup = _copy(service)
        await old.begun()
        await service.place("lost")
        await old.events(1)
        service.bench.repository.lead_to(backup)
        async with following(service.client, "/events") as new:
            await new.begun()
            await _ended(old)
            await service.place("new")
            assert (await new.events(1)).sent[0].document()["order_id"] == "new"


@pytest.mark.parametrize("further", [0, 1])
async def test_one_order(further: int) -> None:
    """Its stream ends where other events have taken the place of those that it has sent, or will."""
    async with serving() as service:
        await service.place("order1")
        backup = _copy(service)
        async with following(service.client, "/orders/order1/events") as follower:
            (held,) = (await service.bench.store.claim(terms("lost"))).orders
            await service.bench.advance(1)
            assert versions(await follower.events(2)) == [1, 2]
            service.bench.repository.lead_to(backup)
            await service.bench.advance(1)
            for number in range(further):
                await backup.claim(terms(f"found{number}"))
            await service.client.post("/orders/order1/cancel")
            await service.bench.advance(1)
            await _ended(follower)
            assert held.token == 1
            assert versions(follower.parser) == [1, 2]
            await _refused(service, "/orders/order1/events", follower.parser.last_id)
