"""The first inputs of the fuzzer, and those that it found: `python -m tests.fuzz.http_server` goes on from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from order_engine_adapters.http.server import request_parser
from order_engine_adapters.http.server.connection import HttpConnection
from order_engine_adapters.http.server.request_body import RequestBody
from order_engine_adapters.http.server.request_parser import RequestParser
from tests.fuzz.connection_run import MODES, Client, runner
from tests.fuzz.http_server import APPLICATIONS, seeds

Run = Callable[[bytes], Client]

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKS = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"
FOUND = {
    "a body and a method are one method": b"\0\2\x03\xf1" + POST + b"helloget / HTTP/1.1\r\nHost: a\r\n\r\n",
    "the first part of a header is not counted": b"\0\1\x99" + GET + b"X: %b\r\n\r\n" % (b"x" * 290),
    "a chunk counts the request before it": b"\0\2\x19\xd1%b\r\n0\r\n\r\n%b%b\r\n0\r\n\r\n"
    % (CHUNKS, POST.replace(b"5", b"312") + b"x" * 312, CHUNKS),
}
"""Inputs that broke a rule once."""

PLANTED: dict[str, tuple[object, str, object]] = {
    "a second Host field is accepted": (RequestParser, "_read_host", lambda self, value: setattr(self, "_host", value)),
    "hosts are not checked": (request_parser, "check_host", lambda _: None),
    "Transfer-Encoding is not checked": (request_parser, "check_transfer_encoding", lambda _: None),
    "headers are not limited": (RequestParser, "_check_size", lambda _: None),
    "bodies are lost": (RequestBody, "feed", lambda _, __: None),
    "refusals do not close": (HttpConnection, "_finish", lambda _, **__: None),
    "discarded input is not limited": (HttpConnection, "_discard", lambda _, __: None),
    "deadlines do not expire": (HttpConnection, "expire", lambda _: None),
}


@pytest.fixture
def run() -> Iterator[Run]:
    """Give a function that drives a connection by an input."""
    with runner() as function:
        yield function


def run_seeds(run: Run) -> None:
    """Run all inputs that the fuzzer begins with."""
    for data in seeds():
        run(data)


@pytest.mark.parametrize("data", FOUND.values(), ids=FOUND)
def test_what_the_fuzzer_found_is_fixed(run: Run, data: bytes) -> None:
    """None of it breaks a rule any more."""
    run(data)


def test_the_first_inputs_break_no_rule(run: Run) -> None:
    """Whatever the client sends, and however it is split."""
    run_seeds(run)


@pytest.mark.parametrize(("owner", "name", "bug"), PLANTED.values(), ids=PLANTED)
def test_a_planted_bug_is_found(
    run: Run, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, bug: object
) -> None:
    """The first inputs are enough to see it."""
    monkeypatch.setattr(owner, name, bug)
    if owner is RequestParser and name == "_read_host":
        monkeypatch.setitem(request_parser.FRAMING, b"host", bug)
    with pytest.raises(AssertionError):
        run_seeds(run)


def test_the_first_inputs_know_all_applications() -> None:
    """The fuzzer must not import the server before it measures it, so the number is written twice."""
    assert len(MODES) == APPLICATIONS
