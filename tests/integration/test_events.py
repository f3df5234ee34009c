"""Following events over real connections, against `serve` on a file."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.integration.conversation import Request, connected
from tests.integration.event_client import event_stream
from tests.integration.service import Service, serving, wait_until
from tests.integration.wire_orders import december, wire_orders

QUICK = ("--processor", "demo:0", "--poll-seconds", "0.2")


async def post_all(service: Service, bodies: list[bytes]) -> None:
    """Place orders over one connection."""
    async with connected(service.address) as connection:
        for body in bodies:
            assert (await connection.ask(Request("POST", "/orders", body))).status == 201


async def history(service: Service, order_id: str) -> list[dict[str, Any]]:
    """Return an order's history from the service."""
    async with connected(service.address) as connection:
        answer = await connection.ask(Request("GET", f"/orders/{order_id}/history"))
    events: list[dict[str, Any]] = json.loads(answer.body)["events"]
    return events


async def test_real_orders_told_as_they_happen(tmp_path: Path) -> None:
    """The events of a month of real orders are their histories, each event once and each order's in order."""
    orders = {name: json.dumps(order).encode() for name, order in december().items()}
    with serving(tmp_path, *QUICK) as service:
        async with event_stream(service.address) as stream:
            assert stream.headers["content-type"] == "text/event-stream"
            following = asyncio.create_task(stream.events(3 * len(orders)))
            await asyncio.gather(*(post_all(service, list(orders.values())[first::8]) for first in range(8)))
            told = (await following).histories
        assert told.keys() == orders.keys()
        for name in orders:
            assert told[name] == await history(service, name)


async def test_a_stream_broken_off_at_every_event(tmp_path: Path) -> None:
    """A client whose connection breaks after each event, while orders come in, gets every event once."""
    orders = wire_orders(40)
    with serving(tmp_path, *QUICK) as service:
        async with event_stream(service.address) as stream:
            place = stream.parser.last_id
        placing = asyncio.create_task(post_all(service, list(orders.values())))
        told: list[tuple[str, int]] = []
        while len(told) < 3 * len(orders):
            async with event_stream(service.address, last_event_id=place) as stream:
                sent = (await stream.events(1)).sent[0]
                place, document = sent.event_id, sent.document()
                told.append((document["order_id"], document["version"]))
        await placing
    assert sorted(told) == sorted((name, version) for name in orders for version in (1, 2, 3))
    for name in orders:
        assert [version for order_id, version in told if order_id == name] == [1, 2, 3]


async def test_an_order_followed_to_its_end(tmp_path: Path) -> None:
    """Its stream ends cleanly on a reusable connection; a reconnect gets 204."""
    name, body = next(iter(wire_orders(1).items()))
    with serving(tmp_path, "--processor", "demo:0.3", "--poll-seconds", "0.2") as service:
        await post_all(service, [body])
        async with event_stream(service.address, f"/orders/{name}/events") as stream:
            assert (await stream.to_the_end()).histories == {name: await history(service, name)}
            await stream.ask("here", f"/orders/{name}/events", stream.parser.last_id)
            assert stream.status == 204


async def test_a_thousand_streams_on_one_service(tmp_path: Path) -> None:
    """Each gets every event, and the service ends at once when it is asked to, with every stream ended whole."""
    orders = wire_orders(20)
    with serving(tmp_path, *QUICK) as service:
        async with AsyncExitStack() as open_streams:
            streams = [await open_streams.enter_async_context(event_stream(service.address)) for _ in range(1000)]
            placing = asyncio.create_task(post_all(service, list(orders.values())))
            parsers = await asyncio.gather(*(stream.events(3 * len(orders)) for stream in streams))
            await placing
            assert all(parser.sent == parsers[0].sent for parser in parsers)
            service.signal(signal.SIGTERM)
            ended = await asyncio.gather(*(stream.to_the_end() for stream in streams))
            assert all("draining" in parser.comments[-1] for parser in ended)
            assert await asyncio.to_thread(service.wait) == 0
        assert not service.errors


async def test_streams_that_have_left_free_their_places(tmp_path: Path) -> None:
    """With room for 20 streams, many may come and go; the 21st at once is refused with 503 and Retry-After."""
    with serving(tmp_path, *QUICK, "--max-streams", "20") as service:
        for _ in range(5):
            async with AsyncExitStack() as open_streams:
                for _ in range(20):
                    stream = await open_streams.enter_async_context(event_stream(service.address))
                    assert stream.status == 200
                async with event_stream(service.address) as refused:
                    assert refused.status == 503
                    assert int(refused.headers["retry-after"]) >= 1
            await asyncio.to_thread(wait_until, lambda: _open_streams(service) == 0, 10, "no stream is open")
        assert not service.errors


async def test_a_reader_that_stops_reading(tmp_path: Path) -> None:
    """It is given up or dropped; the others go on, and it resumes where it was without loss."""
    orders = wire_orders(6000)
    flags = ("--max-stream-bytes", "1000000", "--body-seconds", "1", "--concurrency", "500")
    with serving(tmp_path, *QUICK, *flags) as service:
        async with event_stream(service.address, receive_bytes=4096) as slow, event_stream(service.address) as quick:
            following = asyncio.create_task(quick.events(3 * len(orders)))
            lines = b"\n".join(orders.values())
            headers = {"Content-Type": "application/x-ndjson"}
            assert await asyncio.to_thread(_post_batch, service, lines, headers) == 200
            await following
            await asyncio.to_thread(wait_until, lambda: _open_streams(service) == 1, 20, "the slow one is given up")
            got = (await slow.what_is_left()).sent
        if got[-1].type == "dropped":
            got.pop()
        assert len(got) < 3 * len(orders)
        async with event_stream(service.address, last_event_id=got[-1].event_id) as again:
            got += (await again.events(3 * len(orders) - len(got))).sent
        assert [each.data for each in got] == [each.data for each in quick.parser.sent]
        assert "Traceback" not in service.errors


def _open_streams(service: Service) -> int:
    connection = HTTPConnection(urlsplit(service.address).netloc, timeout=15)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return int(text.split("\norder_engine_event_streams ")[1])


def _post_batch(service: Service, body: bytes, headers: dict[str, str]) -> int:
    connection = HTTPConnection(urlsplit(service.address).netloc, timeout=60)
    try:
        connection.request("POST", "/orders/batch", body, headers)
        with connection.getresponse() as response:
            response.read()
            return response.status
    finally:
        connection.close()
