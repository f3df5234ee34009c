"""The states of a connection: each transition of the table is taken here, and no other one exists."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import pytest
from starlette.types import Receive, Scope, Send

from order_engine_adapters.http import ConnectionLimits
from order_engine_adapters.http.server import connection
from order_engine_adapters.http.server.connection_state import TRANSITIONS, ConnectionState, IllegalTransition
from order_engine_adapters.http.server.open_connections import OpenConnections
from tests.unit.http.line import PLAIN, Line, body, connected, saying, start

Step = Callable[[Line], Coroutine[Any, Any, None]]

NEW, READING_HEAD, ANSWERING, DRAINING, HALF_CLOSED, REFUSING, DISCARDING, IDLE, LINGERING, CLOSING, CLOSED = (
    ConnectionState
)
GET: Final = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
LAST: Final = b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
POST: Final = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\n\r\n"
CHUNKED: Final = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNKED: Final = CHUNKED.replace(b"Host", b"Connection: close\r\nHost")
STREAM: Final = GET.replace(b"/", b"/stream", 1)
FAILING: Final = GET.replace(b"/", b"/failing", 1)
MALFORMED: Final = b"malformed\r\n\r\n"


def send(data: bytes) -> Step:
    """Send bytes."""

    async def step(line: Line) -> None:
        await line.send(data)

    return step


async def answer(line: Line) -> None:
    """Let the application answer all that it has."""
    answers = line.protocol.app_state["answers"]
    answers.set()
    await line.settle()
    answers.clear()


async def end(line: Line) -> None:
    """End the client's side."""
    line.protocol.eof_received()
    await line.settle()


async def expire(line: Line) -> None:
    """Let the deadline pass."""
    line.protocol.expire()
    await line.settle()


async def shut_down(line: Line) -> None:
    """Stop the server."""
    line.protocol.shutdown()
    await line.settle()


LIVES: Final[Mapping[str, tuple[Sequence[Step], Sequence[ConnectionState]]]] = {
    "nothing is sent": ([], [NEW]),
    "nothing is sent in time": ([expire], [NEW, CLOSING]),
    "the first bytes are malformed": ([send(MALFORMED)], [NEW, LINGERING]),
    "the first head is incomplete": ([send(GET[:5])], [NEW, READING_HEAD]),
    "a head is complete later": ([send(GET[:5]), send(GET[5:])], [NEW, READING_HEAD, ANSWERING]),
    "a head is late": ([send(GET[:5]), expire], [NEW, READING_HEAD, LINGERING]),
    "the client leaves within a head": ([send(GET[:5]), end], [NEW, READING_HEAD, CLOSING]),
    "a request is not answered yet": ([send(GET)], [NEW, ANSWERING]),
    "a request is answered": ([send(GET), answer], [NEW, ANSWERING, IDLE]),
    "two requests follow each other": ([send(GET), answer, send(GET)], [NEW, ANSWERING, IDLE, ANSWERING]),
    "two requests come at once": ([send(GET * 2), answer], [NEW, ANSWERING, IDLE]),
    "the next head is incomplete": ([send(GET), answer, send(b"G")], [NEW, ANSWERING, IDLE, READING_HEAD]),
    "a head begins before the response": ([send(GET + b"G"), answer], [NEW, ANSWERING, READING_HEAD]),
    "the next request is malformed": ([send(GET), answer, send(MALFORMED)], [NEW, ANSWERING, IDLE, LINGERING]),
    "an idle connection expires": ([send(GET), answer, expire], [NEW, ANSWERING, IDLE, CLOSING]),
    "the application fails": ([send(FAILING), answer], [NEW, ANSWERING, CLOSING]),
    "a body is malformed": ([send(CHUNKED), send(b"x\r\n")], [NEW, ANSWERING, LINGERING]),
    "a body comes after its response": (
        [send(POST), answer, send(b"hello")],
        [NEW, ANSWERING, DISCARDING, IDLE],
    ),
    "a body does not come": ([send(POST), answer, expire], [NEW, ANSWERING, DISCARDING, CLOSING]),
    "a client leaves with its body unsent": ([send(POST), answer], [NEW, ANSWERING, DISCARDING]),
    "a body is malformed after its response": (
        [send(CHUNKED), answer, send(b"x\r\n")],
        [NEW, ANSWERING, DISCARDING, LINGERING],
    ),
    "the client asks for the end": ([send(LAST), answer], [NEW, ANSWERING, DRAINING, CLOSING]),
    "the client asks for the end, and leaves": ([send(LAST)], [NEW, ANSWERING, DRAINING]),
    "more follows the last request": (
        [send(LAST.replace(b"Host", b"Content-Length: 5\r\nHost")), answer],
        [NEW, ANSWERING, DRAINING, LINGERING],
    ),
    "the body of the last request is malformed": (
        [send(GET + LAST_CHUNKED + b"x\r\n"), answer],
        [NEW, ANSWERING, DRAINING, REFUSING, LINGERING],
    ),
    "a malformed request follows": ([send(GET + MALFORMED), answer], [NEW, ANSWERING, REFUSING, LINGERING]),
    "a client leaves after a malformed request": ([send(GET + MALFORMED)], [NEW, ANSWERING, REFUSING]),
    "the application fails before a malformed request": (
        [send(FAILING + MALFORMED), answer],
        [NEW, ANSWERING, REFUSING, CLOSING],
    ),
    "the client sends no more": ([send(GET * 2), end, answer], [NEW, ANSWERING, HALF_CLOSED, CLOSING]),
    "the client sends no more, and leaves": ([send(GET), end], [NEW, ANSWERING, HALF_CLOSED]),
    "a listener sends no more": ([send(STREAM), end], [NEW, ANSWERING, CLOSING]),
    "a refused client expires": ([send(MALFORMED), expire], [NEW, LINGERING, CLOSING]),
    "the server stops while it answers": ([send(GET), shut_down, answer], [NEW, ANSWERING, DRAINING, CLOSING]),
    "the server stops before the last response": (
        [send(GET), end, shut_down, answer],
        [NEW, ANSWERING, HALF_CLOSED, DRAINING, CLOSING],
    ),
    "the server stops before a refusal": (
        [send(GET + MALFORMED), shut_down, answer],
        [NEW, ANSWERING, REFUSING, LINGERING],
    ),
    "the server stops when nothing is asked": ([shut_down, shut_down], [NEW, CLOSING]),
    "more requests follow when the server stops": (
        [send(GET), shut_down, send(GET), send(MALFORMED), answer],
        [NEW, ANSWERING, DRAINING, CLOSING],
    ),
}
"""What happens to a connection, and its states until the client is gone: then it is closed."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer when the test says so."""
    if scope["path"] == "/stream":
        await receive()
    if scope["path"] in {"/stream", "/failing"}:
        await send(start())
    await scope["state"]["answers"].wait()
    if scope["path"] == "/failing":
        raise ZeroDivisionError
    await saying(start(headers=PLAIN), body(b"ok"))(scope, receive, send)


@pytest.mark.parametrize(("steps", "states"), LIVES.values(), ids=LIVES)
async def test_the_life_of_a_connection(steps: Sequence[Step], states: Sequence[ConnectionState]) -> None:
    """It passes through these states, and ends closed."""
    async with connected(app) as line:
        answers = line.protocol.app_state["answers"] = asyncio.Event()
        for step in steps:
            await step(line)
        assert line.states == states
        answers.set()
    assert line.states == [*states, CLOSED]


def test_every_transition_is_tested() -> None:
    """A transition that is added needs a life above; one that is never taken has to go."""
    taken = {pair for _, states in LIVES.values() for pair in pairwise([*states, CLOSED])}
    assert taken == {(before, after) for before, allowed in TRANSITIONS.items() for after in allowed}


def test_every_state_has_transitions_and_a_deadline() -> None:
    """None is left out, and only the last one is an end."""
    assert list(TRANSITIONS) == list(ConnectionState)
    assert [state for state, allowed in TRANSITIONS.items() if not allowed] == [CLOSED]
    assert set(OpenConnections(ConnectionLimits()).seconds) == set(ConnectionState)


async def test_an_illegal_transition_is_an_error_that_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop logs what its callback raises; the connection is aborted."""
    monkeypatch.setattr(connection, "TRANSITIONS", {**TRANSITIONS, NEW: {CLOSED}})
    async with connected(saying()) as line:
        with pytest.raises(IllegalTransition, match=r"^Illegal transition of an HTTP connection: new to answering\.$"):
            line.protocol.data_received(GET)
        assert (line.wire.writes, line.wire.ended, line.tasks) == ([], "aborted", set())


async def test_an_illegal_transition_after_a_response_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The task of the application logs it; the connection is aborted."""
    monkeypatch.setattr(connection, "TRANSITIONS", {**TRANSITIONS, ANSWERING: {CLOSED}})
    async with connected(saying(start(headers=PLAIN), body(b"ok"))) as line:
        await line.send(GET)
        assert line.wire.ended == "aborted"
    assert [(record.levelno, type(record.exc_info[1])) for record in caplog.records if record.exc_info] == [
        (logging.ERROR, IllegalTransition)
    ]


def test_an_error_of_one_connection_does_not_stop_the_deadlines_of_others() -> None:
    """The next check comes all the same."""

    class Broken:
        due = 0.0

        def expire(self) -> None:
            raise IllegalTransition(NEW, CLOSED)

    checks: list[Callable[..., object]] = []
    loop = asyncio.new_event_loop()
    loop.close()
    loop.call_later = lambda _, check, *__: checks.append(check)  # type: ignore[method-assign,assignment]
    OpenConnections(ConnectionLimits()).add(Broken(), None, loop)
    with pytest.raises(IllegalTransition):
        checks[0](loop)
    assert len(checks) == 2
