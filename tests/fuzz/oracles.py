"""What has to hold on one connection, whatever its client sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from tests.fuzz import responses, strict_reader
from tests.fuzz.responses import Response
from tests.fuzz.strict_reader import Reading, Request

if TYPE_CHECKING:
    from tests.fuzz.connection_run import Client, Heard

REFUSALS: Final = frozenset({400, 408, 414, 431})
OVER_LIMIT: Final = frozenset({408, 414, 431})


class Planned(Exception):
    """What an application raises that is told to fail."""


def check_requests(client: Client) -> None:
    """Check that the application received what a strict reader reads, and nothing else."""
    reading = strict_reader.read(client.stream[: client.sent])
    assert len(client.heard) <= len(reading.requests), "a request that is none was received"
    for heard, request in zip(client.heard, reading.requests, strict=False):
        _check_request(heard, request)
    is_free = client.is_open and not client.protocol.tasks and client.protocol.state == "idle"
    if is_free and not client.stopped:
        assert len(client.heard) == len(reading.requests), "a request was not received"


def _check_request(heard: Heard, request: Request) -> None:
    scope = heard.scope
    target = request.target
    if not target.startswith((b"/", b"*")):
        rest = target.split(b"//", 1)[1]
        place = min((found for found in (rest.find(b"/"), rest.find(b"?")) if found >= 0), default=len(rest))
        target = rest[place:] if rest[place:].startswith(b"/") else b"/" + rest[place:]
    path, _, query = target.partition(b"?")
    assert scope["method"].encode() == request.method, "another method was received"
    assert (scope["raw_path"], scope["query_string"]) == (path, query), "another target was received"
    assert scope["path"] == unquote(path.decode()), "the path is decoded otherwise"
    assert scope["http_version"].encode() == request.version
    assert scope["headers"] == list(request.fields), "other fields were received"
    assert len(request.fields) <= 8, "more fields than the limit"
    assert sum(len(name) + len(value) + 3 for name, value in request.fields) <= 300, "a larger header than the limit"
    assert len(request.method) + len(request.target) + len("  HTTP/1.1") <= 256, "a longer request line than the limit"
    if heard.complete:
        assert request.complete, "a body that is incomplete was received as complete"
        assert heard.body == request.body, "another body was received"
    else:
        assert request.body.startswith(heard.body), "another body was received"


def check_responses(client: Client) -> None:
    """Check that each request got at most one response, in order, and that a refusal is the last one."""
    heard = client.heard
    reading = strict_reader.read(client.stream[: client.sent])
    requests = reading.requests

    def is_head(number: int) -> bool | None:
        if number < len(requests):
            return requests[number].method == b"HEAD"
        return True if reading.rest.startswith(b"HEAD / ") else None

    found = list(responses.read(b"".join(client.wire.writes), is_head))
    final = [each for each in found if each.status >= 200]
    _check_continues(found, requests)
    for number, response in enumerate(final):
        is_last = number == len(final) - 1
        if b"x-number" in response.fields:
            assert int(response.fields[b"x-number"]) == number, "a response to another request"
            assert response.complete or is_last, "an incomplete response is followed by another"
        elif number < len(heard) and heard[number].mode == "fail" and response.status == 500:
            assert response.complete
        else:
            assert is_last, "something follows a refusal"
            _check_refusal(client, number, response, reading)
        if response.fields.get(b"connection") == b"close":
            assert is_last, "a response follows Connection: close"
            assert client.wire.ended or not response.complete, "the connection stays open after Connection: close"


def _check_continues(found: Sequence[Response], requests: Sequence[Request]) -> None:
    number = 0
    continued = -1
    for response in found:
        if response.status >= 200:
            number += 1
            continue
        assert response.status == 100
        assert (b"expect", b"100-continue") in [(name, value.lower()) for name, value in requests[number].fields]
        assert continued < number, "a request is continued twice"
        continued = number


def _check_refusal(client: Client, number: int, response: Response, reading: Reading) -> None:
    assert response.status in REFUSALS, f"a response of its own: {response.status}"
    assert response.complete, "a refusal is incomplete"
    assert response.fields.get(b"connection") == b"close", "a refusal does not say that it closes"
    assert client.wire.ended, "a refusal does not close"
    if number < len(reading.requests):
        request = reading.requests[number]
        if response.status not in OVER_LIMIT and not _is_extension(request.method):
            assert not request.complete, f"a request is refused: {request}"
    else:
        assert reading.rest, "a refusal of nothing"


def _is_extension(method: bytes) -> bool:
    """Whether it is a method that httptools may not know: such a request is refused where it is not read at once."""
    return method not in {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE"}
