"""How long a connection may take for what it is at, and what ends it: below ASGI, where every deadline can be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.connection import MAX_DISCARDED_BYTES, MAX_PIPELINED
from order_engine_adapters.http.server.connection_state import LINGER_SECONDS
from order_engine_adapters.http.server.open_connections import NEVER, OpenConnections
from tests.unit.http.line import GET, PLAIN, Line, body, connected, saying, start

LIMITS = ConnectionLimits(head_seconds=1000.0, silence_seconds=2000.0, keep_alive_seconds=3000.0)
"""Apart from each other, so that a deadline says which limit it is of."""
POST = b"POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST /orders HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = saying(start(headers=PLAIN), body(b"ok"))


async def failing(_: Scope, __: Receive, send: Send) -> None:
    """Start a response, and fail."""
    await send(start())
    raise ZeroDivisionError


def statuses(line: Line) -> list[bytes]:
    """Return the statuses of the answers so far."""
    found: list[bytes] = re.findall(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", b"".join(line.wire.writes))
    return found


def now() -> float:
    """Return the time by which deadlines are."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def due_in(line: Line, seconds: float) -> AsyncIterator[None]:
    """Check that what happens meanwhile sets the deadline to so many seconds later."""
    before = now()
    yield
    assert before + seconds <= line.protocol.due <= now() + seconds


class Waiting:
    """An application that answers when it may."""

    def __init__(self) -> None:
        """Wait."""
        self.goes_on = asyncio.Event()
        self.heard: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer once it may, and note what is received."""
        self.heard.append(scope["path"])
        await self.goes_on.wait()
        await OK(scope, receive, send)


async def test_a_connection_that_says_nothing_is_closed() -> None:
    """After as long as a head may take, without a word."""
    before = now()
    async with connected(OK, OpenConnections(LIMITS)) as line:
        assert before + LIMITS.head_seconds <= line.protocol.due <= now() + LIMITS.head_seconds
        line.protocol.expire()
        assert (line.wire.writes, line.wire.ended) == ([], "closed")


async def test_a_head_has_its_time_from_its_first_byte_on() -> None:
    """Whoever sends it byte by byte gets no more; then it is told, and has a moment to read it."""
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


async def test_each_head_has_a_time_of_its_own() -> None:
    """Also one that began while the request before it was answered."""
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


async def test_an_application_has_its_own_time() -> None:
    """No deadline ends what it is at, not even one that was set before."""
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


async def test_the_rest_of_a_body_that_nobody_reads_is_passed_over() -> None:
    """As long as it comes; the connection goes on once it is complete."""
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


async def test_a_body_that_nobody_reads_is_not_taken_without_end() -> None:
    """What is passed over of one request counts for that one alone."""
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


async def test_what_comes_after_a_refusal_is_passed_over() -> None:
    """So that the client can read why; but not without end."""
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
async def test_the_end_after_an_answer_before_its_request_was_whole(*, streamed: bool) -> None:
    """Whether the client asked for the end, or a stream is over: it may send on, and reads why, for a moment."""
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


async def test_what_was_not_read_yet_is_read_at_the_end() -> None:
    """A client that sends on while reading had been paused would not see why its connection ends."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        head = POST.replace(b"Host", b"Connection: close\r\nHost").replace(b"10\r\n", b"300000\r\n")
        await line.send(head + b"x" * 200_000)
        assert not line.wire.reading
        app.goes_on.set()
        await line.settle()
        assert (line.wire.ended, line.wire.reading) == ("eof", True)


async def test_requests_before_a_refusal_are_answered_first() -> None:
    """Then it is refused, and the connection ends."""
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
async def test_a_body_that_cannot_be_read_ends_its_request(*, has_begun: bool) -> None:
    """Its application hears that its client is gone; its answer is the refusal, or breaks off where it has begun."""
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


async def test_a_body_that_cannot_be_read_behind_another_request() -> None:
    """Its application never hears of it, and the one before it is answered."""
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


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """When it has read nothing of its answer within the time of a silence; as long as it reads a little it may."""
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


async def test_a_client_that_sends_and_does_not_read_yet_is_there() -> None:
    """Many send all they have before they read; so sending is a sign of life."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(POST)
        line.protocol.pause_writing()
        async with due_in(line, LIMITS.silence_seconds):
            await line.send(b"12345")
        line.protocol.resume_writing()
        assert line.protocol.due == NEVER
        app.goes_on.set()


async def test_a_client_that_reads_at_last_may_ask_again() -> None:
    """Its next request has the time that a connection may be idle."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        await line.send(GET)
        line.protocol.pause_writing()
        async with due_in(line, LIMITS.keep_alive_seconds):
            line.protocol.resume_writing()


async def test_a_connection_that_is_closing_is_cut_off_when_it_is_due() -> None:
    """Whoever does not read the last bytes of an answer may not hold the connection."""
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


async def test_an_answer_that_breaks_off_while_its_client_does_not_read() -> None:
    """Nothing is waited for."""
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


async def test_a_client_that_has_said_its_last_word_is_answered() -> None:
    """Everything that it has asked for in full; then its connection is closed."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET * 2)
        assert line.protocol.eof_received()
        app.goes_on.set()
        await line.settle()
        assert statuses(line) == [b"200", b"200"]
        assert line.wire.ended == "closed"


async def test_a_client_that_leaves_without_a_request_gets_no_answer() -> None:
    """Its connection is closed."""
    async with connected(OK, OpenConnections(LIMITS)) as line:
        assert not line.protocol.eof_received()
        assert (line.wire.writes, line.wire.ended) == ([], "closed")


async def test_a_request_that_ends_in_its_middle_is_not_answered() -> None:
    """Half a body is no order."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(POST + b"12345")
        assert not line.protocol.eof_received()
        app.goes_on.set()


@pytest.mark.parametrize("sends_a_body", [False, True])
async def test_a_stream_whose_listener_will_ask_no_more(*, sends_a_body: bool) -> None:
    """One that only listens has gone; one that has sent a body, as a batch does, still reads its answer."""
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


async def test_not_too_many_requests_wait_on_one_connection() -> None:
    """After a thousand the connection ends, and says so with the last answer."""
    app = Waiting()
    async with connected(app, OpenConnections(LIMITS)) as line:
        await line.send(GET * (MAX_PIPELINED + 10))
        app.goes_on.set()
        for _ in range(200):
            await line.settle()
        assert statuses(line) == [b"200"] * (MAX_PIPELINED + 1)
        assert b"".join(line.wire.writes).count(b"connection: close") == 1
        assert line.wire.ended in {"closed", "eof"}


async def test_a_connection_too_many_is_told_so() -> None:
    """Whatever it sends is passed over; the place of one that is closed is free again."""
    watch = OpenConnections(ConnectionLimits(connections=1))
    async with connected(OK, watch) as first:
        async with connected(OK, watch) as second:
            await second.send(GET)
            assert (statuses(second), second.wire.ended) == ([b"503"], "eof")
        await first.send(GET)
        assert statuses(first) == [b"200"]
    async with connected(OK, watch) as third:
        await third.send(GET)
        assert statuses(third) == [b"200"]
