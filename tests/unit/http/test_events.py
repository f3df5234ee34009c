"""Following the events of all orders, from now on or after the last that was seen."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from order_engine.application.engine import internals_of
from order_engine_adapters.http import HttpLimits
from tests.unit.application.bench import Bench
from tests.unit.application.faults import FaultyRepository
from tests.unit.http.event_source import EventParser
from tests.unit.http.following import following
from tests.unit.http.serving import Service, serving

EVENT_STREAM = ("accept", "text/event-stream")


class PlainRepository(FaultyRepository):
    """What a third party may have: the port, and nothing besides."""

    events_until = None  # type: ignore[assignment] # as if it were not there


async def histories(service: Service, *order_ids: str) -> dict[str, object]:
    """Return the histories of orders from the service."""
    return {name: (await service.client.get(f"/orders/{name}/history")).json()["events"] for name in order_ids}


async def open_streams(service: Service) -> int:
    """Return the number of open streams in the metrics."""
    text = (await service.client.get("/metrics", ("accept", "text/plain"))).body.decode()
    return int(text.split("\norder_engine_event_streams ")[1])


async def test_events_from_now_on() -> None:
    """What happened before the stream began does not come; what happens then comes, with id, type and data."""
    async with serving() as service:
        await service.place("before")
        async with following(service.client, "/events") as follower:
            await follower.begun()
            await service.place("order1")
            await service.client.post("/orders/order1/cancel")
            parser = await follower.events(2)
            assert [each.type for each in parser.sent] == ["placed", "cancelled"]
            assert parser.histories == await histories(service, "order1")
            assert len({each.event_id for each in parser.sent}) == 2


async def test_a_repository_that_does_not_read_exactly() -> None:
    """Its streams are read one by one, each event with an id that its client may come back with."""
    bench = Bench()
    bench.repository = PlainRepository(bench.store, bench.clock)
    async with serving(bench=bench) as service:
        assert not internals_of(service.engine).queries.reads_exactly
        async with following(service.client, "/events") as follower:
            await follower.begun()
            await service.place("order1", "order2")
            await service.client.post("/orders/order1/cancel")
            parser = await follower.events(3)
            assert parser.histories == await histories(service, "order1", "order2")
            first, *rest = parser.sent
        async with following(service.client, "/events", first.event_id) as follower:
            assert (await follower.events(2)).sent == rest
        for method in ("GET", "HEAD"):
            response = await service.client.send(method, "/events", [EVENT_STREAM, ("last-event-id", "nonsense")])
            assert response.status == 400
        assert await open_streams(service) == 0


async def test_the_head_of_a_stream() -> None:
    """The response is not cached, not buffered by proxies, and has the reconnect delay."""
    async with serving() as service, following(service.client, "/events") as follower:
        parser = await follower.begun()
        headers = dict(follower.exchange.sent[0]["headers"])
        assert headers[b"content-type"] == b"text/event-stream"
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"x-accel-buffering"] == b"no"
        assert b"content-length" not in headers
        assert parser.retry == 2000


@pytest.mark.parametrize("target", ["/events", "/orders/order1/events"])
async def test_a_stream_begins_with_its_place(target: str) -> None:
    """The first event has the start position. Every id resumes right after its event."""
    async with serving(limits=HttpLimits(heartbeat_seconds=2.5)) as service:
        await service.place("order1")
        async with following(service.client, target) as follower:
            first = await follower.place()
            assert follower.parser.ready is not None
            assert follower.parser.ready.document() == {"resumed": False, "heartbeat_seconds": 2.5}
        await service.client.post("/orders/order1/cancel")
        for _ in range(2):
            async with following(service.client, target, first) as follower:
                parser = await follower.until(lambda parser: bool(parser.sent) and parser.sent[-1].type == "cancelled")
                assert len(parser.sent) == (1 if target == "/events" else 2)
                again = parser.ready
            assert again is not None
            assert again.event_id == first
            assert again.document() == {"resumed": True, "heartbeat_seconds": 2.5}
        async with following(service.client, target, parser.sent[0].event_id) as follower:
            assert await follower.place() == parser.sent[0].event_id
            assert (await follower.events(len(parser.sent) - 1)).sent == parser.sent[1:]


async def test_a_resume_at_every_event() -> None:
    """After each id come exactly the events behind it; also after that of the place where a stream began."""
    async with serving() as service:
        async with following(service.client, "/events") as follower:
            beginning = (await follower.begun()).last_id
            await service.place(*(f"order{number}" for number in range(12)))
            for number in range(0, 12, 2):
                await service.client.post(f"/orders/order{number}/cancel")
            sent = (await follower.events(18)).sent
        for position, event_id in enumerate([beginning, *(each.event_id for each in sent)]):
            async with following(service.client, "/events", event_id) as follower:
                await follower.begun()
                await service.place(f"after{position}")
                parser = await follower.events(len(sent) - position + 1)
                assert parser.sent[:-1] == sent[position:]
                sent.append(parser.sent[-1])


async def test_streams_with_different_beginnings_go_on_together() -> None:
    """Streams that came back at different places get the same news under the same ids."""
    async with serving() as service, following(service.client, "/events") as first:
        await first.begun()
        await service.place("order1", "order2", "order3")
        old = list((await first.events(3)).sent)
        async with following(service.client, "/events", old[0].event_id) as second:
            await second.events(2)
            async with following(service.client, "/events") as third:
                await third.begun()
                await service.place("order4")
                news = [(await each.events(number)).sent[-1] for each, number in ((first, 4), (second, 3), (third, 1))]
    assert len(set(news)) == 1


async def test_a_long_way_back_to_the_present() -> None:
    """A client that was away for thousands of events gets each once, while new ones come in."""
    limits = HttpLimits(stream_bytes=4096)
    async with serving(limits=limits, page_limit=7) as service:
        async with following(service.client, "/events") as follower:
            beginning = (await follower.begun()).last_id
        await service.place(*(f"old{number}" for number in range(500)))
        async with following(service.client, "/events", beginning) as follower:
            for number in range(100):
                await service.place(f"new{number}")
                await asyncio.sleep(0)
            parser = await follower.events(600)
        expected = [f"old{number}" for number in range(500)] + [f"new{number}" for number in range(100)]
        assert [each.document()["order_id"] for each in parser.sent] == expected


@pytest.mark.parametrize(
    "event_id", ["nonsense", "1", "another:5", "a b", "\u00e9", "x" * 10_000, "0-0", "0-0123456789abcdef"]
)
async def test_an_id_that_is_none_of_ours(event_id: str) -> None:
    """400, and no fresh start that would look like a resume."""
    async with serving() as service:
        await service.place("order1")
        for target in ("/events", "/orders/order1/events"):
            for method in ("GET", "HEAD"):
                for query, fields in (("", [("last-event-id", event_id)]), (f"?lastEventId={quote(event_id)}", [])):
                    response = await service.client.send(method, target + query, [EVENT_STREAM, *fields])
                    assert response.status == 400
                    if method == "GET":
                        assert response.code == "invalid_header"


async def test_an_empty_id_is_none() -> None:
    """A client without an id may send an empty one."""
    async with serving() as service, following(service.client, "/events", "") as follower:
        await follower.begun()
        await service.place("order1")
        assert (await follower.events(1)).sent[0].type == "placed"


@pytest.mark.parametrize(
    "accepted",
    [
        "application/json", "text/html", "text/event-stream;q=0", "text/*;q=0, */*", "application/problem+json;q=0",
        "application/problem+json, text/html",
    ],
)  # fmt: skip
async def test_a_client_that_excludes_event_streams(accepted: str) -> None:
    """406."""
    async with serving() as service:
        await service.place("order1")
        for target in ("/events", "/orders/order1/events"):
            response = await service.client.get(target, ("accept", accepted))
            assert (response.status, response.code) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "query",
    [
        "lastEventId={}", "last-event-id={}", "last_event_id={}", "Last-Event-ID={}", "lasteventid={}",
        "&lastEventId={}", "padding=true&lastEventId={}", "lastEventId={}&padding=true", "_=1764560000&lastEventId={}",
        "lastEventId=nonsense&lastEventId={}", "last-event-id=nonsense&lastEventId={}", "lastEventId={}&",
        "stream=messages&lastEventId={}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["/events", "/orders/order1/events"])
async def test_the_last_event_id_in_the_query(target: str, query: str) -> None:
    """As event-source-polyfill sends it, and in other spellings; the last one counts, and what means nothing passes."""
    async with serving() as service:
        await service.place("order1")
        async with following(service.client, target) as follower:
            first = await follower.place()
            await service.client.post("/orders/order1/cancel")
            sent = (await follower.until(lambda parser: "cancelled" in str(parser.sent))).sent
        encoded = first.replace(":", "%3A")
        async with following(service.client, f"{target}?{query.format(encoded)}") as follower:
            assert (await follower.events(len(sent))).sent == sent


@pytest.mark.parametrize("target", ["/events", "/orders/order1/events"])
async def test_the_field_goes_before_the_query(target: str) -> None:
    """A browser repeats the URL that its page gave, and sends in the field what has come since."""
    async with serving() as service:
        await service.place("order1")
        async with following(service.client, target) as follower:
            first = await follower.place()
            await service.client.post("/orders/order1/cancel")
            sent = (await follower.until(lambda parser: "cancelled" in str(parser.sent))).sent
        async with following(service.client, f"{target}?lastEventId=nonsense", first) as follower:
            assert (await follower.events(len(sent))).sent == sent
        async with following(service.client, f"{target}?lastEventId={first}", "") as follower:
            assert (await follower.events(len(sent))).sent == sent
        async with following(service.client, f"{target}?lastEventId=", first) as follower:
            assert (await follower.events(len(sent))).sent == sent


async def test_of_several_fields_the_last_counts() -> None:
    """Clients that were given the field at their start add their own behind it, as a field or joined by a comma."""
    async with serving() as service:
        async with following(service.client, "/events") as follower:
            first = await follower.place()
            await service.place("order1", "order2")
            sent = (await follower.events(2)).sent
        last = sent[0].event_id
        async with following(service.client, "/events", f"{first}, {last}") as joined:
            assert (await joined.events(1)).sent == sent[1:]
        async with following(
            service.client, "/events", None, ("last-event-id", first), ("last-event-id", last)
        ) as doubled:
            assert (await doubled.events(1)).sent == sent[1:]


async def test_what_clients_send_besides() -> None:
    """None of it keeps a stream from beginning."""
    async with serving() as service:
        for fields in [
            [("accept", "text/event-stream"), ("cache-control", "no-cache"), ("connection", "keep-alive")],
            [("accept", "text/event-stream, application/json;q=0.9, */*;q=0.1"), ("cache-control", "no-store")],
            [("accept", "text/event-stream;charset=utf-8"), ("x-requested-with", "XMLHttpRequest")],
            [("accept", "*/*"), ("content-type", "text/event-stream"), ("pragma", "no-cache")],
            [("accept", "application/problem+json")],
            [],
        ]:
            response = await service.client.send("HEAD", "/events?_=1764560000000", fields)
            assert response.status == 200, fields


async def test_an_unknown_parameter() -> None:
    """422, also where the order is unknown."""
    async with serving() as service:
        for target in ("/events?after=1", "/orders/order1/events?x=", "/events?a", "/events?lastEventId=%FF"):
            assert (await service.client.get(target, EVENT_STREAM)).status == 422


async def test_methods() -> None:
    """HEAD answers with the head of the stream and ends; OPTIONS names the methods; others are refused."""
    async with serving() as service:
        await service.place("order1")
        for target in ("/events", "/orders/order1/events"):
            head = await service.client.send("HEAD", target, [EVENT_STREAM])
            assert (head.status, head.header("content-type")) == (200, "text/event-stream")
            assert head.header("content-length") is None
            options = await service.client.send("OPTIONS", target)
            assert options.header("allow") == "HEAD, GET, OPTIONS"
            assert (await service.client.post(target)).status == 405
        assert await open_streams(service) == 0


async def test_heartbeats_come_by_the_clock() -> None:
    """Comments come whether there are events or not."""
    async with serving(limits=HttpLimits(heartbeat_seconds=0.01)) as service:
        await service.place("order1")
        async with (
            following(service.client, "/events") as quiet,
            following(service.client, "/orders/order1/events") as one,
        ):
            for follower in (quiet, one):
                await follower.until(lambda parser: len(parser.comments) >= 3)
            placed = 0

            def is_busy_and_beats(parser: EventParser) -> bool:
                return len(parser.sent) >= 20 and len(parser.comments) >= 6

            while not is_busy_and_beats(quiet.parser):
                placed += 1
                await service.place(f"busy{placed}")
                await quiet.events(placed)
