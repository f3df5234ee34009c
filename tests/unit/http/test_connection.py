"""One connection below ASGI, without a socket: what it sends, and what the application receives."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection import HttpConnection
from order_engine_adapters.http.server.open_connections import OpenConnections
from tests.unit.http.line import GET, PLAIN, body, connected, saying, start


async def test_it_is_uvicorns_protocol() -> None:
    """So that uvicorn's server can run it."""
    assert issubclass(HttpConnection, HttpToolsProtocol)


async def test_the_scope_is_that_of_asgi() -> None:
    """Names in lower case, values without surrounding spaces, the path decoded and raw."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line:
        await line.send(GET)
    assert scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("192.0.2.2", 80),
            "client": ("192.0.2.1", 4711),
            "scheme": "http",
            "root_path": "",
            "method": "GET",
            "path": "/orders/x y",
            "raw_path": b"/orders/x%20y",
            "query_string": b"limit=1",
            "headers": [(b"host", b"shop"), (b"x-y", b"z")],
            "state": {},
        }
    ]


async def test_a_response_with_a_length_is_one_write() -> None:
    """Each write is a system call that wakes the client."""
    async with connected(saying(start(201, PLAIN), body(b"ok"))) as line:
        await line.send(GET)
        date = b"date: Sun, 22 Nov 2026 19:00:00 GMT\r\n"
        assert line.wire.writes == [b"HTTP/1.1 201 Created\r\n" + date + b"content-length: 2\r\n\r\nok"]
        assert line.wire.ended == ""


async def test_the_head_of_a_stream_is_sent_at_once() -> None:
    """A client sees that it is connected before there is an event. Parts are sent once per iteration."""
    more, last = asyncio.Event(), asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        await more.wait()
        await send(body(b"one", more=True))
        await send(body(b"", more=True))
        await last.wait()
        await send(body(b"two", more=True))
        await send(body(b"three"))

    async with connected(app) as line:
        await line.send(GET)
        assert [each.endswith(b"transfer-encoding: chunked\r\n\r\n") for each in line.wire.writes] == [True]
        more.set()
        await line.settle()
        assert line.wire.writes[1:] == [b"3\r\none\r\n"]
        last.set()
        await line.settle()
        assert line.wire.writes[2:] == [b"3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"]


@pytest.mark.parametrize(
    ("messages", "method", "end"),
    [
        ((start(headers=PLAIN), body(b"ok")), b"HEAD", b"content-length: 2\r\n\r\n"),
        ((start(), body(b"ok")), b"HEAD", b"GMT\r\n\r\n"),
        ((start(204), body(b"")), b"GET", b"GMT\r\n\r\n"),
        ((start(304, [(b"etag", b'"1"')]), body(b"")), b"GET", b'etag: "1"\r\n\r\n'),
        ((start(headers=[(b"connection", b"close"), *PLAIN]), body(b"ok")), b"GET", b"connection: close\r\n\r\nok"),
        ((start(headers=PLAIN), body(b"o", more=True), body(b"k")), b"GET", b"\r\n\r\nok"),
    ],
)
async def test_the_framing_of_a_response(messages: tuple[Message, ...], method: bytes, end: bytes) -> None:
    """With and without a body, and with Connection: close."""
    async with connected(saying(*messages)) as line:
        await line.send(GET.replace(b"GET", method))
        assert b"".join(line.wire.writes).endswith(end)
        assert line.wire.ended == ("closed" if b"close" in end else "")


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (body(b"ok"),),
        (start(headers=[(b"x", b"a\r\nb: c"), *PLAIN]), body(b"ok")),
        (start(headers=[(b"x", b"a\nb"), *PLAIN]), body(b"ok")),
        (start(headers=[(b"x", b"a\0"), *PLAIN]), body(b"ok")),
        (start(headers=[(b"x y", b"a"), *PLAIN]), body(b"ok")),
        (start(headers=PLAIN), body(b"too long")),
        (start(headers=PLAIN), body(b"o")),
    ],
    ids=["none", "no head", "CRLF", "LF", "NUL", "name", "too long", "too short"],
)
async def test_an_invalid_response_becomes_500(messages: tuple[Message, ...], caplog: pytest.LogCaptureFixture) -> None:
    """With a problem document and one log record. The connection stays open."""
    async with connected(saying(*messages)) as line:
        await line.send(GET)
        sent = b"".join(line.wire.writes)
        assert sent.startswith(b"HTTP/1.1 500 ")
        assert b"application/problem+json" in sent
        assert sent.count(b"HTTP/1.1") == 1
        assert len(caplog.records) == 1
        assert line.wire.ended == ""


async def test_an_incomplete_response_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing else tells the client that it is incomplete."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"one", more=True))
        raise ZeroDivisionError

    async with connected(app) as line:
        await line.send(GET)
        assert line.wire.writes[-1].endswith(b"\r\n\r\n3\r\none\r\n")
        assert line.wire.ended == "closed"
        assert len(caplog.records) == 1


async def test_a_body_is_read_as_fast_as_the_application_receives_it() -> None:
    """Reading pauses when too much is buffered."""
    take = asyncio.Event()
    taken: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            await take.wait()
            message = await receive()
            taken.append(len(message["body"]))
            more = message["more_body"]
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line:
        await line.send(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 200000\r\n\r\n")
        await line.send(b"x" * 100_000)
        assert (line.wire.reading, taken) == (False, [])
        take.set()
        await line.settle()
        assert (line.wire.reading, taken) == (True, [100_000])
        await line.send(b"x" * 100_000)
        assert taken == [100_000, 100_000]
        assert line.wire.writes[-1].endswith(b"ok")


async def test_an_application_waits_while_its_client_does_not_read() -> None:
    """Until the client reads, or leaves."""
    sent: list[int] = []

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        for number in range(10):
            await send(body(b"x", more=True))
            sent.append(number)

    async with connected(app) as line:
        line.protocol.pause_writing()
        await line.send(GET)
        assert sent == []
        line.protocol.resume_writing()
        await line.settle()
        assert len(sent) == 10


async def test_the_application_receives_a_disconnect() -> None:
    """When its client leaves, also while another request waits."""
    received: list[str] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        received.append((await receive())["type"])
        received.append((await receive())["type"])

    async with connected(app) as line:
        await line.send(GET + GET)
        assert received == ["http.request"]
        assert not line.wire.reading
    assert received == ["http.request", "http.disconnect"]


async def test_two_tasks_may_wait_for_a_disconnect() -> None:
    """As in frameworks: one that reads, and one that listens."""
    received: list[str] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await receive()
        received.extend(each["type"] for each in await asyncio.gather(receive(), receive()))

    async with connected(app) as line:
        await line.send(GET)
    assert received == ["http.disconnect"] * 2


async def test_reading_pauses_while_requests_wait() -> None:
    """Otherwise a client that only sends would fill the memory."""
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await go_on.wait()
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line:
        await line.send(GET * 3)
        assert not line.wire.reading
        go_on.set()
        await line.settle()
        assert len(line.wire.writes) == 3
        assert line.wire.reading


async def test_a_stopping_server_answers_the_requests_that_it_has_read() -> None:
    """Then it closes the connection; an idle one is closed at once."""
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line, connected(app) as idle:
        await line.send(GET * 2)
        line.protocol.shutdown()
        idle.protocol.shutdown()
        assert (line.wire.ended, idle.wire.ended) == ("", "closed")
        go_on.set()
        await line.settle()
        assert [b"connection: close" in each for each in line.wire.writes] == [False, True]
        assert line.wire.ended in {"closed", "eof"}


async def test_the_application_receives_unknown_methods() -> None:
    """As they were sent, with the body. The connection continues with the next request."""
    heard: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((scope["method"], (await receive())["body"]))
        await send(start(405, PLAIN))
        await send(body(b"no"))

    async with connected(app) as line:
        await line.send(b"BREW /pot HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\ntea")
        await line.send(GET)
        await line.send(b"get /pot HTTP/1.1\r\nHost: shop\r\n\r\n" + GET)
        assert heard == [("BREW", b"tea"), ("GET", b""), ("get", b""), ("GET", b"")]
        assert not line.wire.ended


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\n", b"helloget / HTTP/1.1\r\nHost: shop\r\n\r\n"),
        (
            b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 35\r\n\r\n",
            b"BREW / HTTP/1.1\r\nHost: smuggled\r\n\r\nget / HTTP/1.1\r\nHost: shop\r\n\r\n",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: shop\r\nX: ",
            b"BREW /smuggled HTTP/1.1\r\n\r\nget / HTTP/1.1\r\nHost: shop\r\n\r\n",
        ),
        (b"GET / HTTP/1.1\r\nHost: shop\r\n\r\nG", b"ETS / HTTP/1.1\r\nHost: shop\r\n\r\n"),
    ],
    ids=["end of a body", "body like a request", "field like a request", "middle of a method"],
)
async def test_no_body_and_no_field_is_read_as_a_request(first: bytes, second: bytes) -> None:
    """An unknown method that follows them in the same read is malformed: nothing is parsed twice."""
    heard: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((scope["method"], scope["path"]))
        while (await receive())["more_body"]:
            pass
        await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)

    async with connected(app) as line:
        await line.send(first)
        await line.send(second)
        assert heard == [(first.split()[0].decode(), "/")]
        assert b"".join(line.wire.writes).count(b"HTTP/1.1 400 ") == 1
        assert line.wire.ended == "eof"


async def test_a_header_has_its_limit_however_it_is_split() -> None:
    """It counts names, values, colons and line ends, also of a head that comes in several reads."""
    limit = ConnectionLimits(header_bytes=300)
    head = b"GET / HTTP/1.1\r\nHost: shop\r\n"
    field = b"X: %b\r\n" % (b"y" * (300 - len(b"Host:shop\r\n") - len(b"X:\r\n")))
    statuses = []
    for value, parts in itertools.product((field, b"x" + field), (1, 2, 3, 10)):
        request = head + value + b"\r\n"
        size = len(request) // parts + 1
        async with connected(saying(start(headers=PLAIN), body(b"ok")), OpenConnections(limit)) as line:
            for place in range(0, len(request), size):
                await line.send(request[place : place + size])
            statuses.append(int(line.wire.writes[0].split()[1]))
    assert statuses == [200] * 4 + [431] * 4


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (b"GET / HTTP/1.1\r\nHo", b"st: shop\r\n\r\n"),
        (b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", b"llo\r\n0\r\n\r\n"),
    ],
    ids=["heads", "chunked bodies"],
)
async def test_limits_of_one_request_do_not_count_those_between(first: bytes, rest: bytes) -> None:
    """One read may end a request, hold others of any size, and begin the next one."""
    between = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    limits = OpenConnections(ConnectionLimits(header_bytes=256, request_line_bytes=256))
    async with connected(saying(start(headers=PLAIN), body(b"ok")), limits) as line:
        await line.send(first)
        await line.send(rest + between + first)
        await line.send(rest)
        assert b"".join(line.wire.writes).count(b"HTTP/1.1 200 ") == 3
