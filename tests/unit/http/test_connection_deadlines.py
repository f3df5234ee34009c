"""The deadlines of a connection, and what ends it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection import (
    MAX_DISCARDED_BYTES,
    MAX_PIPELINED,
    SLICE_BYTES,
    HttpConnection,
)
from order_engine_adapters.http.server.connection_state import LINGER_SECONDS
from order_engine_adapters.http.server.open_connections import NEVER, OpenConnections
from order_engine_adapters.http.server.request_parser import RequestParser
from tests.unit.http.line import GET, PLAIN, Line, body, connected, saying, start

LIMITS = ConnectionLimits(head_seconds=1000.0, silence_seconds=2000.0, keep_alive_seconds=3000.0)
"""Far apart, so that a deadline shows which limit it comes from."""
POST = b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST /orders HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = saying(start(headers=PLAIN), body(b"ok"))


async def failing(_: Scope, __: Receive, send: Send) -> None:
    """Start a response, and fail."""
    await send(start())
    raise ZeroDivisionError


def statuses(line: Line) -> list[bytes]:
    """Return the statuses of the responses so far."""
    found: list[bytes] = re.findall(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", b"".join(line.wire.writes))
    return found


def now() -> float:
    """Return the time of the event loop, which deadlines use."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def due_in(line: Line, seconds: float) -> AsyncIterator[None]:
    """Check that the block sets the deadline to `seconds` from now."""
    before = now()
    yield
    assert before + seconds <= line.protocol.due <= now() + seconds


class Waiting:
    """An application that answers when the test says so."""

    def __init__(self) -> None:
        """Start closed: no request is answered."""
        self.goes_on = asyncio.Event()
        self.heard: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the path, wait, and answer."""
        self.heard.append(scope["path"])
        await self.goes_on.wait()
        await OK(scope, receive, send)


async def test_a_connection_without_a_request_is_closed() -> None:
    """After the time of a head, without a response."""
    before = now()
    async with connected(OK, OpenConnections(LIMITS)) as line:
        assert before + LIMITS.head_seconds <= line.protocol.due <= now() + LIMITS.head_seconds
        line.protocol.expire()
        assert (line.wire.writes, line.wire.ended) == ([], "closed")


async def test_the_time_of_a_head_starts_with_its_first_byte() -> None:
    """Further bytes do not extend it. Then the client gets 408, and 2 s to read it."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        async with due_in(line, LIMITS.head_seconds):
            await line.send(GET[:5])
        due = line.protocol.due
        for place in range(5, 20):
            await line.send(GET[place : place + 1])
        assert line.protocol.due == due
        async with due_in(line, LINGER_SECONDS):
            line.protocol.expire()
            await line.settle()
        assert line.wire.writes[-1].startswith(b"HTTP/1.1 408 ")
        assert line.wire.ended == "eof"
        line.protocol.expire()
        assert line.wire.ended == "closed"


async def test_each_head_has_its_own_deadline() -> None:
    """Also a head that begins before the previous response."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET + GET[:5])
        assert line.protocol.due == NEVER
        async with due_in(line, LIMITS.head_seconds):
            app.goes_on.set()
            await line.settle()
        due = line.protocol.due
        await line.send(GET[5:8])
        assert line.protocol.due == due
        async with due_in(line, LIMITS.keep_alive_seconds):
            await line.send(GET[8:])
        async with due_in(line, LIMITS.head_seconds):
            await line.send(GET[:5])


async def test_a_running_application_has_no_deadline() -> None:
    """Not even one that was set before."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        assert line.protocol.due == NEVER
        line.protocol.expire()
        assert line.wire.ended == ""
        async with due_in(line, LIMITS.keep_alive_seconds):
            app.goes_on.set()
            await line.settle()
        line.protocol.expire()
        assert line.wire.ended == "closed"


async def test_the_rest_of_an_unread_body_is_discarded() -> None:
    """While it keeps arriving. The connection continues when it is complete."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        async with due_in(line, LIMITS.silence_seconds):
            await line.send(POST)
        assert len(line.wire.writes) == 1
        async with due_in(line, LIMITS.silence_seconds):
            await line.send(b"12345")
        async with due_in(line, LIMITS.keep_alive_seconds):
            await line.send(b"67890")
        await line.send(GET)
        assert len(line.wire.writes) == 2
        assert line.wire.ended == ""


async def test_discarded_bodies_are_limited() -> None:
    """The bytes of each request count for themselves."""
    long = POST.replace(b"10\r\n", b"%d\r\n" % (2 * MAX_DISCARDED_BYTES))
    half = b"x" * (MAX_DISCARDED_BYTES // 2)
    async with connected(OK, OpenConnections(LIMITS)) as line:
        for _ in range(3):
            await line.send(POST.replace(b"10\r\n", b"%d\r\n" % len(half)))
            await line.send(half[1:])
            assert line.wire.reading
            await line.send(b"x")
        await line.send(long)
        for _ in range(2):
            await line.send(half)
            assert line.wire.ended == ""
        await line.send(b"x")
        assert line.wire.ended == "aborted"


async def test_input_after_a_refusal_is_discarded() -> None:
    """So that the client can read the refusal; up to a limit."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        async with due_in(line, LINGER_SECONDS):
            await line.send(b"nonsense\r\n\r\n")
        assert line.wire.writes[0].startswith(b"HTTP/1.1 400 ")
        await line.send(GET)
        assert (len(line.wire.writes), line.wire.ended) == (1, "eof")
        await line.send(b"x" * MAX_DISCARDED_BYTES)
        assert line.wire.ended == "aborted"


@pytest.mark.parametrize("field", [b"X: no host", b"X : space"])
async def test_a_refusal_of_a_head_request_has_no_body(field: bytes) -> None:
    """RFC 9110, section 9.3.2."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        await line.send(b"HEAD / HTTP/1.1\r\n%b\r\n\r\n" % field)
        assert statuses(line) == [b"400"]
        assert line.wire.writes[-1].endswith(b"\r\n\r\n")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_closing_response_before_the_end_of_its_request(*, streamed: bool) -> None:
    """After Connection: close, or at the end of a stream, the client may still send, and has time to read."""
    app = saying(start(), body(b"")) if streamed else OK
    async with connected(app, OpenConnections(LIMITS)) as line:
        head = POST if streamed else POST.replace(b"Host", b"Connection: close\r\nHost")
        async with due_in(line, LINGER_SECONDS):
            await line.send(head.replace(b"10\r\n", b"%d\r\n" % (2 * MAX_DISCARDED_BYTES)))
        assert (line.wire.ended, line.wire.reading) == ("eof", True)
        due = line.protocol.due
        await line.send(b"x" * MAX_DISCARDED_BYTES)
        assert (line.protocol.due, line.wire.ended) == (due, "eof")
        await line.send(b"x")
        assert line.wire.ended == "aborted"


async def test_paused_input_is_read_before_the_connection_closes() -> None:
    """Otherwise the connection would be reset, and the client could lose the response."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        head = POST.replace(b"Host", b"Connection: close\r\nHost").replace(b"10\r\n", b"300000\r\n")
        await line.send(head + b"x" * 200_000)
        assert not line.wire.reading
        app.goes_on.set()
        await line.settle()
        assert (line.wire.ended, line.wire.reading) == ("eof", True)


async def test_requests_before_a_refusal_are_answered_first() -> None:
    """The refusal is the last response."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET * 2 + b"nonsense\r\n\r\n")
        await line.send(GET)
        assert line.wire.writes == []
        app.goes_on.set()
        await line.settle()
        assert statuses(line) == [b"200", b"200", b"400"]
        assert line.wire.ended == "eof"


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_malformed_body_ends_its_request(*, has_begun: bool) -> None:
    """The application receives a disconnect. The response is the refusal, or is cut where it has started."""
    heard: list[str] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        if has_begun:
            await send(start())
        heard.append((await receive())["type"])
        await send(start(headers=PLAIN))

    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(CHUNKED)
        await line.send(b"no length\r\n")
        assert heard == ["http.disconnect"]
        assert statuses(line) == [b"200" if has_begun else b"400"]
        assert line.wire.ended == ("closed" if has_begun else "eof")


async def test_a_malformed_body_of_a_pipelined_request() -> None:
    """The application never receives it, and the request before is answered."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET + CHUNKED + b"no length\r\n")
        app.goes_on.set()
        await line.settle()
        assert statuses(line) == [b"200", b"400"]
        assert app.heard == ["/orders/x y"]


async def test_a_malformed_body_after_its_response_gets_no_second_response() -> None:
    """A client would take it for the response to its next request; the connection ends."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        await line.send(CHUNKED)
        await line.send(b"no length\r\n")
        assert statuses(line) == [b"200"]
        assert line.wire.ended == "eof"


async def test_a_client_that_sends_no_more_after_a_malformed_body_gets_both_responses() -> None:
    """The request before is answered, and the malformed one is refused."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET + CHUNKED + b"no length\r\n")
        assert line.protocol.eof_received()
        app.goes_on.set()
        await line.settle()
        assert statuses(line) == [b"200", b"400"]


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    """After a time in which it reads nothing. Reading a little extends the time."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        async with due_in(line, LIMITS.silence_seconds):
            line.protocol.pause_writing()
        line.wire.unsent = 1000
        for unsent in (1000, 999, 500):
            line.wire.unsent = unsent
            async with due_in(line, LIMITS.silence_seconds):
                line.protocol.expire()
            assert line.wire.ended == ""
        line.protocol.resume_writing()
        line.protocol.pause_writing()
        line.wire.unsent = 2000
        async with due_in(line, LIMITS.silence_seconds):
            line.protocol.expire()
        line.protocol.expire()
        assert line.wire.ended == "aborted"


async def test_a_client_that_sends_without_reading_is_alive() -> None:
    """Many clients send everything before they read."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(POST)
        line.protocol.pause_writing()
        async with due_in(line, LIMITS.silence_seconds):
            await line.send(b"12345")
        line.protocol.resume_writing()
        assert line.protocol.due == NEVER
        app.goes_on.set()


async def test_a_client_that_reads_at_last_may_send_the_next_request() -> None:
    """Within the keep-alive time."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        line.protocol.pause_writing()
        async with due_in(line, LIMITS.keep_alive_seconds):
            line.protocol.resume_writing()


async def test_a_closing_connection_is_aborted_at_its_deadline() -> None:
    """A client that does not read the end of a response does not keep the connection open."""
    async with connected(failing, OpenConnections(LIMITS)) as line:
        async with due_in(line, LIMITS.silence_seconds):
            await line.send(GET)
        assert line.wire.ended == "closed"
        line.protocol.expire()
        assert line.wire.ended == "aborted"


async def test_a_closing_connection_keeps_its_deadline_when_its_client_reads_a_little() -> None:
    """A client that reads most of the last response and then stops does not keep the connection open."""
    async with connected(failing, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        line.protocol.pause_writing()
        async with due_in(line, LIMITS.silence_seconds):
            line.protocol.resume_writing()


async def test_a_response_that_fails_while_its_client_does_not_read() -> None:
    """The connection is aborted at once."""
    go_on = asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        await go_on.wait()
        raise ZeroDivisionError

    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        line.protocol.pause_writing()
        go_on.set()
        await line.settle()
        assert line.wire.ended == "aborted"


async def test_a_client_that_half_closes_gets_its_responses() -> None:
    """All of them; then the connection is closed."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET * 2)
        assert line.protocol.eof_received()
        app.goes_on.set()
        await line.settle()
        assert statuses(line) == [b"200", b"200"]
        assert line.wire.ended == "closed"


async def test_a_client_that_leaves_without_a_request_gets_no_response() -> None:
    """Its connection is closed."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        assert not line.protocol.eof_received()
        assert (line.wire.writes, line.wire.ended) == ([], "closed")


async def test_a_truncated_request_is_not_answered() -> None:
    """Half a body is not an order."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(POST + b"12345")
        assert not line.protocol.eof_received()
        app.goes_on.set()


@pytest.mark.parametrize("sends_a_body", [False, True])
async def test_a_half_closed_stream(*, sends_a_body: bool) -> None:
    """A client that only listens has left. One that has sent a body, such as a batch, still reads its response."""
    more = asyncio.Event()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        await more.wait()
        await send(body(b""))

    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(POST + b"1234567890" if sends_a_body else GET)
        assert line.protocol.eof_received() is sends_a_body
        more.set()


async def test_pipelined_requests_are_limited() -> None:
    """After a thousand the connection ends; the last response says so."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET * (MAX_PIPELINED + 10))
        app.goes_on.set()
        for _ in range(200):
            await line.settle()
        assert statuses(line) == [b"200"] * (MAX_PIPELINED + 1)
        assert b"".join(line.wire.writes).count(b"connection: close") == 1
        assert line.wire.ended in {"closed", "eof"}


async def test_requests_that_get_no_response_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One read may hold ten thousand of them: parsing all would keep the event loop."""
    parsed: list[str] = []
    started = HttpConnection.request_started

    def request_started(connection: HttpConnection, head: RequestParser) -> None:
        parsed.append(head.path)
        started(connection, head)

    monkeypatch.setattr(HttpConnection, "request_started", request_started)
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET * (10 * SLICE_BYTES // len(GET)))
        assert MAX_PIPELINED < len(parsed) <= MAX_PIPELINED + 1 + SLICE_BYTES // len(GET)
        app.goes_on.set()


async def test_a_connection_over_the_limit_gets_503() -> None:
    """Its input is discarded. A closed connection makes room for another."""
    peers = OpenConnections(ConnectionLimits(connections=1))
    async with connected(OK, peers) as first:
        async with connected(OK, peers) as second:
            await second.send(GET)
            assert (statuses(second), second.wire.ended) == ([b"503"], "eof")
        await first.send(GET)
        assert statuses(first) == [b"200"]
    async with connected(OK, peers) as third:
        await third.send(GET)
        assert statuses(third) == [b"200"]
