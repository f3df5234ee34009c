"""Following the events of one order to its end."""

from __future__ import annotations

import asyncio

import pytest

from order_engine import Order, Rejected
from tests.unit.application.bench import Bench, Work
from tests.unit.http.event_source import EventParser
from tests.unit.http.following import following
from tests.unit.http.serving import Service, serving

EVENT_STREAM = ("accept", "text/event-stream")


async def history(service: Service, order_id: str) -> object:
    """Return the history of an order from the service."""
    return (await service.client.get(f"/orders/{order_id}/history")).json()["events"]


def versions(parser: EventParser) -> list[int]:
    """Return the versions in the ids that came, which are those of the events."""
    told = [each.document()["version"] for each in parser.sent]
    assert [each.event_id.partition("-")[0] for each in parser.sent] == list(map(str, told))
    return told


async def test_the_whole_story_and_its_end() -> None:
    """From the first event to the terminal one, which ends the stream; the ids begin with the versions."""
    ends = asyncio.Event()

    async def wait(_: Order) -> None:
        await ends.wait()

    async with serving(Work(wait)) as service:
        await service.place("order1")
        async with following(service.client, "/orders/order1/events") as follower:
            await follower.events(2)
            ends.set()
            parser = await follower.to_the_end()
        assert [each.type for each in parser.sent] == ["placed", "claimed", "completed"]
        assert versions(parser) == [1, 2, 3]
        assert parser.histories == {"order1": await history(service, "order1")}


async def test_a_resume_at_every_event() -> None:
    """After each version exactly the later events follow; after the last one 204, which makes a browser stop."""
    async with serving() as service:
        await service.place("order1")
        await service.client.post("/orders/order1/cancel")
        async with following(service.client, "/orders/order1/events") as follower:
            sent = (await follower.to_the_end()).sent
        first, last = (each.event_id for each in sent)
        async with following(service.client, "/orders/order1/events", first) as follower:
            assert (await follower.to_the_end()).sent == sent[1:]
        for method in ("GET", "HEAD"):
            over = await service.client.send(method, "/orders/order1/events", [EVENT_STREAM, ("last-event-id", last)])
            assert over.status == 204


async def test_a_redriven_order_goes_on() -> None:
    """Failed ends the stream; after a redrive a client that comes back gets what follows."""

    async def work(order: Order) -> None:
        if order.round == 1:
            message = "no stock"
            raise Rejected(message)

    async with serving(work) as service:
        await service.place("order1")
        async with following(service.client, "/orders/order1/events") as follower:
            failed = await follower.to_the_end()
        await service.client.post("/orders/order1/redrive")
        async with following(service.client, "/orders/order1/events", failed.last_id) as follower:
            again = await follower.to_the_end()
        assert [each.type for each in failed.sent] == ["placed", "claimed", "failed"]
        assert [each.type for each in again.sent] == ["redriven", "claimed", "completed"]


async def test_a_history_longer_than_a_page() -> None:
    """It comes whole, and the end in the middle of it ends nothing."""

    async def reject(_: Order) -> None:
        message = "no stock"
        raise Rejected(message)

    async with serving(Work(reject), page_limit=2) as service:
        await service.place("order1")
        await service.bench.settle()
        for _ in range(3):
            assert (await service.client.post("/orders/order1/redrive")).status == 200
            await service.bench.settle()
        async with following(service.client, "/orders/order1/events") as follower:
            parser = await follower.to_the_end()
            assert versions(parser) == list(range(1, 13))


@pytest.mark.parametrize("page_limit", [1, 2, 3, 6, 100])
async def test_a_history_that_ends_with_a_page(page_limit: int) -> None:
    """Each event comes once, by the stream and by the history, wherever pages end."""

    async def reject(_: Order) -> None:
        message = "no stock"
        raise Rejected(message)

    async with serving(Work(reject), page_limit=page_limit) as service:
        await service.place("order1")
        await service.bench.settle()
        assert (await service.client.post("/orders/order1/redrive")).status == 200
        await service.bench.settle()
        async with following(service.client, "/orders/order1/events") as follower:
            assert versions(await follower.to_the_end()) == [1, 2, 3, 4, 5, 6]
        told = (await service.client.get("/orders/order1/history")).json()["events"]
        assert [event["version"] for event in told] == [1, 2, 3, 4, 5, 6]


async def test_an_order_that_goes_on_in_another_process() -> None:
    """Its events come with the poll, in one question for all streams."""
    bench = Bench()
    async with serving(bench=bench) as service, bench.engine(repository=bench.connect()) as other:
        await service.place("order1", "order2")
        async with (
            following(service.client, "/orders/order1/events") as first,
            following(service.client, "/orders/order2/events") as second,
        ):
            await first.events(1)
            await second.events(1)
            asked = bench.repository.count("get")
            await other.cancel("order1")
            await other.cancel("order2")
            assert (first.exchange.task.done(), second.exchange.task.done()) == (False, False)
            await bench.advance(1)
            for follower in (first, second):
                assert (await follower.to_the_end()).sent[-1].type == "cancelled"
            assert bench.repository.count("get") == asked + 1


@pytest.mark.parametrize("target", ["/orders/nobody/events", "/orders/%00/events", "/orders/batch/events"])
async def test_an_unknown_order(target: str) -> None:
    """404, with and without an id."""
    async with serving() as service:
        for headers in ([EVENT_STREAM], [EVENT_STREAM, ("last-event-id", "1-0123456789abcdef")]):
            response = await service.client.send("GET", target, headers)
            assert (response.status, response.code) == (404, "order_not_found")


@pytest.mark.parametrize(
    "version", ["2", "0", "-1", "01", "1.0", "9999999999", "order1:1", "1", "1-0123456789abcdef", "2-0123456789abcdef"]
)
async def test_a_version_that_the_order_has_not(version: str) -> None:
    """400: a place in the future, in another stream or in another history is none of this order's."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.get("/orders/order1/events", EVENT_STREAM, ("last-event-id", version))
        assert (response.status, response.code) == (400, "invalid_header")


async def test_an_outage_loses_nothing() -> None:
    """The stream stays open or ends cleanly. A resumed stream sends the rest."""
    async with serving() as service:
        await service.place("order1")
        async with following(service.client, "/orders/order1/events") as follower:
            await follower.events(1)
            service.bench.repository.unavailable = True
            await service.bench.advance(3)
            service.bench.repository.unavailable = False
            await service.bench.advance(1)
            await service.client.post("/orders/order1/cancel")
            assert versions(await follower.to_the_end()) == [1, 2]
