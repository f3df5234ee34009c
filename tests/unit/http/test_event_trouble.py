"""Event streams in trouble: too many, read too slowly, drained, broken off, without their repository."""

from __future__ import annotations

import asyncio

import pytest

from order_engine import InvalidCursor
from order_engine_adapters.http import Access, AccessScope, HttpLimits
from tests.unit.application.bench import Bench, Work, takes
from tests.unit.application.faults import IsSlow, Raises
from tests.unit.http.following import following
from tests.unit.http.rings import Ring
from tests.unit.http.serving import order, serving
from tests.unit.http.test_events import EVENT_STREAM, open_streams


async def test_too_many_streams() -> None:
    """503 with Retry-After; a stream that ends makes room."""
    async with serving(limits=HttpLimits(max_streams=2)) as service:
        async with following(service.client, "/events") as first, following(service.client, "/events") as second:
            await first.begun()
            await second.begun()
            refused = await service.client.get("/events", EVENT_STREAM)
            assert (refused.status, refused.code) == (503, "overloaded")
        async with following(service.client, "/events") as third:
            await third.begun()


async def test_a_slow_reader_is_dropped_with_a_reason_and_resumes() -> None:
    """It gets the pending events and the reason, and resumes after its last id. Other streams are not affected."""
    async with serving(limits=HttpLimits(stream_bytes=2000)) as service:
        async with following(service.client, "/events") as slow, following(service.client, "/events") as quick:
            await slow.begun()
            await quick.begun()
            slow.exchange.reads = False
            for number in range(200):
                await service.place(f"order{number}")
                await quick.events(number + 1)
            slow.exchange.read_on()
            parser = await slow.to_the_end()
        assert parser.sent[-1].type == "dropped"
        assert "more slowly" in parser.sent[-1].document()["reason"]
        got = parser.sent[:-1]
        async with following(service.client, "/events", parser.last_id) as again:
            got += (await again.events(200 - len(got))).sent
        assert [each.document()["order_id"] for each in got] == [f"order{number}" for number in range(200)]


async def test_a_reader_that_stops_is_given_up() -> None:
    """A client that reads nothing for the time limit loses its stream, and nothing of it stays."""
    async with serving(limits=HttpLimits(body_seconds=0.05)) as service:
        async with following(service.client, "/events") as follower:
            await follower.begun()
            follower.exchange.reads = False
            await service.place("order1")
            async with asyncio.timeout(10):
                await follower.exchange.task
        assert await open_streams(service) == 0


async def test_streams_go_on_while_orders_end_in_a_drain() -> None:
    """Those that are open, and new ones: each has the last event when it ends, with the drain, by a comment."""
    bench = Bench()
    async with serving(Work(takes(bench, 5)), bench=bench) as service:
        await service.place("order1")
        async with following(service.client, "/events") as before:
            await before.begun()
            draining = asyncio.ensure_future(service.engine.drain())
            await service.bench.settle()
            async with (
                following(service.client, "/events") as after,
                following(service.client, "/orders/order1/events") as one,
            ):
                await after.begun()
                await one.begun()
                await service.bench.advance(6)
                parsers = [await each.to_the_end() for each in (before, after, one)]
            assert [parser.sent[-1].type for parser in parsers] == ["completed"] * 3
            assert "draining" in parsers[0].comments[-1]
            assert draining.done()


async def test_a_drain_ends_all_streams() -> None:
    """At its end, each with a comment, whole; new ones are refused with 503 from then on."""
    async with serving() as service:
        await service.place("order1")
        async with (
            following(service.client, "/events") as all_orders,
            following(service.client, "/orders/order1/events") as one,
        ):
            await all_orders.begun()
            await one.events(1)
            await service.engine.drain()
            for follower in (all_orders, one):
                assert "draining" in (await follower.to_the_end()).comments[-1]
            refused = await service.client.get("/events", EVENT_STREAM)
            assert (refused.status, refused.code) == (503, "not_running")


async def test_a_thousand_streams_leave_nothing_behind() -> None:
    """Each gets every event; when all clients have left, no task and no stream is there any more."""
    async with serving() as service:
        await service.place("order0")
        before = asyncio.all_tasks()
        followers = []
        async with asyncio.timeout(60):
            for number in range(1000):
                target = "/events" if number % 2 else "/orders/order0/events"
                follower = following(service.client, target)
                followers.append((follower, await follower.__aenter__()))
            for _, each in followers:
                await each.begun()
            await service.client.post("/orders/order0/cancel")
            for _, each in followers:
                await each.until(lambda parser: bool(parser.sent) and parser.sent[-1].type == "cancelled")
            for follower, _ in followers:
                await follower.__aexit__(None, None, None)
            while not asyncio.all_tasks() <= before:
                await service.bench.settle()
        assert await open_streams(service) == 0


async def test_an_outage_loses_nothing() -> None:
    """While the repository is unavailable, the stream sends heartbeats; then it resumes."""
    async with serving(limits=HttpLimits(heartbeat_seconds=0.01)) as service:
        async with following(service.client, "/events") as follower:
            await follower.begun()
            await service.place("order1")
            await follower.events(1)
            service.bench.repository.unavailable = True
            beats = len(follower.parser.comments)
            await service.bench.advance(3)
            await follower.until(lambda parser: len(parser.comments) > beats + 5)
            assert (await service.client.get("/events", EVENT_STREAM)).status == 503
            service.bench.repository.unavailable = False
            await service.bench.advance(1)
            await service.place("order2")
            parser = await follower.events(2)
        assert [each.document()["order_id"] for each in parser.sent] == ["order1", "order2"]


async def test_following_that_fails_ends_the_streams() -> None:
    """A stream that cannot continue ends cleanly, so that its client resumes. The next stream starts fresh."""
    async with serving() as service:
        async with following(service.client, "/events") as follower:
            place = (await follower.begun()).last_id
            service.bench.repository.plan(Raises(InvalidCursor("another repository")), "events")
            await service.place("order1")
            assert "interrupted" in (await follower.to_the_end()).comments[-1]
            service.bench.repository.heal()
        async with following(service.client, "/events", place) as follower:
            assert (await follower.events(1)).sent[0].document()["order_id"] == "order1"


async def test_what_happens_while_a_client_catches_up_comes_once() -> None:
    """Its own reading stops at the end where it joined the others, however much has happened since."""
    async with serving() as service, following(service.client, "/events") as quick:
        beginning = (await quick.begun()).last_id
        await service.place("order1", "order2")
        await quick.events(2)
        # The question for its id, for the end, and for what lies between.
        service.bench.repository.plan(IsSlow(2), "events", 3)
        async with following(service.client, "/events", beginning) as slow:
            await slow.begun()
            await service.place("order3")
            await quick.events(3)
            assert slow.parser.sent == []
            await service.bench.advance(2)
            await service.place("order4")
            assert (await slow.events(4)).sent == (await quick.events(4)).sent


async def test_nothing_is_read_for_nobody() -> None:
    """When the last one that follows all orders has left, nothing is asked for any more, whatever else is open."""
    async with serving() as service:
        await service.place("order1")
        async with following(service.client, "/orders/order1/events") as one:
            async with following(service.client, "/events") as follower:
                await follower.begun()
                await service.place("order2")
                await follower.events(1)
            asked = service.bench.repository.count("events")
            await service.client.post("/orders/order1/cancel")
            await one.to_the_end()
            assert service.bench.repository.count("events") == asked


@pytest.mark.parametrize("target", ["/events", "/orders/order1/events"])
async def test_a_stream_ends_with_its_key(target: str) -> None:
    """Within a heartbeat after the key was revoked. Other streams continue, and a reconnect gets the error."""
    ring = Ring()
    revoked, kept = ring.showing(AccessScope.READ), ring.showing(AccessScope.ADMIN)
    async with serving(access=Access(keys=ring.ring), limits=HttpLimits(heartbeat_seconds=0.01)) as service:
        await service.client.place(order(), kept)
        async with (
            following(service.client, target, None, revoked) as ending,
            following(service.client, target, None, kept) as going_on,
        ):
            await ending.begun()
            await going_on.begun()
            ring.ring.exchange(stored for scope, stored in ring.stored.items() if scope is not AccessScope.READ)
            await ending.to_the_end()
            beats = len(going_on.parser.comments)
            await going_on.until(lambda parser: len(parser.comments) > beats + 2)
        assert (await service.client.get(target, revoked)).status == 401
