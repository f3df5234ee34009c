"""Bounds are exact and nothing is kept beyond them: what is thrown away takes no memory, what has left no attention."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from order_engine_adapters.http import Access, HttpLimits, Rates
from order_engine_adapters.http.batch.splitter import ArraySplitter, LineSplitter, Splitter
from order_engine_adapters.http.errors import BodyTooLarge
from order_engine_adapters.http.messages.accept import Form, preferred_form
from order_engine_adapters.http.messages.requests import DISCARDED_BYTES, read_body
from order_engine_adapters.http.messages.time_limits import LOOK_SECONDS, RequestTimeLimits
from order_engine_adapters.http.server import connection
from tests.unit.http.client import JSON_BODY
from tests.unit.http.following import following
from tests.unit.http.line import GET, PLAIN, body, connected, saying, start
from tests.unit.http.serving import serving, text
from tests.unit.http.test_origins import SHOP, granted

PART = 64 * 1024
PARTS = DISCARDED_BYTES // PART
LITTLE = 8 * PART
"""Much less than all parts together."""
SMALL = HttpLimits(body_bytes=1000)


@pytest.fixture
def traced() -> Iterator[None]:
    """Count the memory that is taken from here on."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
async def test_a_body_over_its_limit_is_read_and_not_kept() -> None:
    """All of it is read, so that its client gets to read the answer, and none of it is kept meanwhile."""
    left = PARTS

    async def receive() -> Message:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": bytes(PART), "more_body": left > 0}

    with pytest.raises(BodyTooLarge):
        await read_body({"headers": []}, receive, SMALL, RequestTimeLimits())
    assert left == 0
    assert tracemalloc.get_traced_memory()[1] < LITTLE


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("splitter", [LineSplitter(1000), ArraySplitter(1000)], ids=["lines", "array"])
def test_an_element_over_its_limit_is_not_kept(splitter: Splitter) -> None:
    """However long a line or element is, no more than its limit is in memory."""
    found = list(splitter.feed(b'["' if isinstance(splitter, ArraySplitter) else b'"'))
    for _ in range(PARTS):
        found += splitter.feed(b"a" * PART)
    assert tracemalloc.get_traced_memory()[1] < LITTLE
    found += splitter.feed(b'"]' if isinstance(splitter, ArraySplitter) else b'"\n')
    assert [type(each) for each in found] == [BodyTooLarge]


async def test_a_client_that_asks_first_may_send_as_much_as_the_limit() -> None:
    """100-continue is for bodies up to the last byte that is taken."""
    async with serving(limits=SMALL) as service:
        headers = [*JSON_BODY, ("content-length", "1000"), ("expect", "100-continue")]
        response = await service.client.send("POST", "/orders", headers, text().ljust(1000))
        assert response.status == 201


async def test_an_order_is_not_looked_at_for_who_has_left() -> None:
    """After its last stream has ended, an order is not polled any more."""
    async with serving() as service:
        await service.place("order1")
        async with following(service.client, "/events") as follower:
            await follower.begun()
            async with following(service.client, "/orders/order1/events") as one:
                await one.events(1)
            asked = service.bench.repository.count("get")
            for number in range(2, 5):
                await service.place(f"order{number}")
                await follower.events(number - 1)
            assert service.bench.repository.count("get") == asked


async def test_heartbeats_do_not_add_up() -> None:
    """However often streams were opened and left, one that is open gets one heartbeat at a time."""
    async with serving(limits=HttpLimits(heartbeat_seconds=0.1)) as service:
        for _ in range(20):
            async with following(service.client, "/events") as follower:
                await follower.begun()
        async with following(service.client, "/events") as follower:
            await follower.begun()
            loop = asyncio.get_running_loop()
            began = loop.time()
            await follower.until(lambda parser: len(parser.comments) >= 3)
            least = 2 * 0.1
            assert loop.time() - began >= least


async def test_a_long_way_back_is_not_too_slow() -> None:
    """Who catches up from far behind is not dropped for what is new meanwhile, however much that is."""
    limits = HttpLimits(stream_bytes=2000)
    async with serving(limits=limits, page_limit=10) as service, following(service.client, "/events") as quick:
        await quick.begun()
        await service.place(*(f"order{number}" for number in range(30)))
        first = (await quick.events(30)).sent[0]
        async with following(service.client, "/events", first.event_id) as late:
            late.exchange.reads = False
            await asyncio.sleep(0)
            for number in range(30, 130):
                await service.place(f"order{number}")
                await quick.events(number + 1)
            late.exchange.read_on()
            got = (await late.events(129)).sent
    assert [each.document()["order_id"] for each in got] == [f"order{number}" for number in range(1, 130)]


def test_of_too_many_clients_the_newest_are_remembered() -> None:
    """The least recently seen clients are evicted."""
    rates = Rates(1, lambda: 0.0, most_clients=2)
    assert [rates.wait_of(each) for each in "abc"] == [0.0] * 3
    assert rates.wait_of("c") > 0
    assert rates.wait_of("b") > 0
    assert rates.wait_of("a") == 0


async def test_a_request_with_two_origins_is_told_nothing() -> None:
    """No browser sends two origins, so neither counts."""
    async with serving(access=Access(origins=frozenset({SHOP}))) as service:
        response = await service.client.get("/orders", ("origin", SHOP), ("origin", "https://evil.example"))
        assert (response.status, granted(response)) == (200, {})


def test_the_version_of_a_media_type_decides_before_the_type() -> None:
    """The range that fits most closely gives the quality, be it the lower one."""
    accepted = b"text/plain;version=0.0.4;q=0.1, text/plain;q=0.9, application/json;q=0.5"
    scope: Scope = {"headers": [(b"accept", accepted)]}
    text_form, json_form = Form(b"text/plain", b"0.0.4"), Form(b"application/json")
    assert preferred_form(scope, (text_form, json_form)) is json_form


async def test_time_limits_that_are_kept_leave_no_timer() -> None:
    """A process that has nothing to do is not woken."""
    time_limits = RequestTimeLimits()
    with time_limits.within(60):
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while time_limits._is_watched:  # noqa: SLF001, ASYNC110 - nothing else shows it, and it tells nobody
            await asyncio.sleep(LOOK_SECONDS)


async def test_so_many_requests_may_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more pipelined requests those within the limit are answered, and then the connection ends."""
    monkeypatch.setattr(connection, "MAX_PIPELINED", 3)
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await go_on.wait()
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line:
        await line.send(GET * 8)
        go_on.set()
        await line.settle()
        assert len(line.wire.writes) == 4
        assert line.wire.ended in {"eof", "closed"}


async def test_a_client_that_will_ask_no_more_is_answered_and_let_go() -> None:
    """After the answer to what it asked before its end of file the connection is closed, and does not stay."""
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await go_on.wait()
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line:
        await line.send(GET)
        assert line.protocol.eof_received()
        go_on.set()
        await line.settle()
        assert len(line.wire.writes) == 1
        assert line.wire.ended == "closed"
