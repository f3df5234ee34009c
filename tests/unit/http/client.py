"""A client without a network: it speaks ASGI as uvicorn does, and checks what every answer has to keep."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from tests.unit.http.watched_fields import ANSWERED, WatchedName

Headers: TypeAlias = Sequence[tuple[str, str]]

JSON_BODY: Headers = (("content-type", "application/json"),)
NDJSON_BODY: Headers = (("content-type", "application/x-ndjson"),)
WITHOUT_BODY = frozenset({204, 304})


@dataclass(frozen=True)
class Response:
    """One whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of the one header field of this name, None where there is none."""
        values = [value for field, value in self.headers if field == name]
        assert len(values) <= 1, f"{name} is there twice"
        return values[0] if values else None

    def json(self) -> Any:  # noqa: ANN401 - whatever was answered
        """Return the value of the body."""
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        """Return the values of the lines of the body."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def code(self) -> str:
        """The stable code of the problem."""
        code: str = self.json()["code"]
        return code


class Exchange:
    """A request in progress. The test controls incoming messages and records outgoing ones."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        """Begin the request; its body follows."""
        self.sent: list[Message] = []
        self.reads = True
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._outgoing = asyncio.Event()
        self._resumed = asyncio.Event()
        self._method = scope["method"]
        self.task = asyncio.ensure_future(app(scope, self._incoming.get, self._take))

    def part(self, body: bytes, *, last: bool = False) -> None:
        """Let a part of the body come in."""
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": not last})

    def leave(self) -> None:
        """Close the connection."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    def read_on(self) -> None:
        """Read again after `reads` was set to false."""
        self.reads = True
        self._resumed.set()

    @property
    def body(self) -> bytes:
        """What has come back of the body so far."""
        return b"".join(message["body"] for message in self.sent[1:])

    async def body_of(self, size: int) -> bytes:
        """Wait until so many bytes of the body have come back."""
        async with asyncio.timeout(10):
            while len(self.body) < size:
                self._outgoing.clear()
                await self._outgoing.wait()
        return self.body

    async def line(self, number: int) -> Any:  # noqa: ANN401 - whatever was answered
        """Wait until so many whole lines have come back, and return the last of them."""
        async with asyncio.timeout(10):
            while self.body.count(b"\n") < number:
                self._outgoing.clear()
                await self._outgoing.wait()
        return json.loads(self.body.split(b"\n")[number - 1])

    async def status(self) -> int:
        """Wait until the answer begins, and return its status."""
        async with asyncio.timeout(10):
            while not self.sent:
                self._outgoing.clear()
                await self._outgoing.wait()
        status: int = self.sent[0]["status"]
        return status

    async def response(self) -> Response:
        """Wait for the end of the answer."""
        async with asyncio.timeout(10):
            await self.task
        return checked(self._method, self.sent)

    async def _take(self, message: Message) -> None:
        while not self.reads:
            self._resumed.clear()
            await self._resumed.wait()
        self.sent.append(message)
        ANSWERED.update(name for name, _ in message.get("headers", ()))
        self._outgoing.set()


class Client:
    """Sends requests to one application."""

    def __init__(self, app: ASGIApp, root_path: str = "", address: str = "127.0.0.1") -> None:
        """Send from `address` to `app`, which a proxy or a server has put under `root_path`."""
        self._address = address
        self._app = app
        self._root_path = root_path

    def begin(self, method: str, target: str, headers: Headers = ()) -> Exchange:
        """Begin a request."""
        path, _, query = target.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": self._root_path + unquote(path),
            "raw_path": (self._root_path + path).encode(),
            "query_string": query.encode("latin-1"),
            "root_path": self._root_path,
            "headers": [(WatchedName(name.lower().encode()), value.encode("latin-1")) for name, value in headers],
            "client": (self._address, 50000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        return Exchange(self._app, scope)

    async def send(
        self, method: str, target: str, headers: Headers = (), body: bytes | Iterable[bytes] = b""
    ) -> Response:
        """Send a request whole, its body in one part or in several, and return the answer."""
        exchange = self.begin(method, target, headers)
        parts = [body] if isinstance(body, bytes) else list(body)
        for part in parts:
            exchange.part(part)
        exchange.part(b"", last=True)
        return await exchange.response()

    async def get(self, target: str, *headers: tuple[str, str]) -> Response:
        """Send a GET."""
        return await self.send("GET", target, headers)

    async def post(self, target: str, *headers: tuple[str, str]) -> Response:
        """Send a POST without a body."""
        return await self.send("POST", target, headers)

    async def place(self, order: object, *headers: tuple[str, str]) -> Response:
        """Place an order, given as a value or as the bytes of its JSON."""
        body = order if isinstance(order, bytes) else json.dumps(order).encode()
        return await self.send("POST", "/orders", (*JSON_BODY, *headers), body)


def checked(method: str, messages: Sequence[Message]) -> Response:
    """Return the response in these messages, which must be complete and in order."""
    assert [message["type"] for message in messages] == [
        "http.response.start",
        *["http.response.body"] * (len(messages) - 1),
    ]
    start, *rest = messages
    assert [message.get("more_body", False) for message in rest] == [True] * (len(rest) - 1) + [False]
    assert all(name == name.lower() for name, _ in start["headers"])
    headers = tuple((name.decode("ascii"), value.decode("ascii")) for name, value in start["headers"])
    body = b"".join(message["body"] for message in rest)
    response = Response(start["status"], headers, body)
    if method == "HEAD" or response.status in WITHOUT_BODY:
        assert body == b""
    elif (length := response.header("content-length")) is not None:
        assert int(length) == len(body)
    repeated_claim = response.status in {200, 304} and response.header("etag") is not None
    assert response.header("cache-control") in ({"no-store", "no-cache"} if repeated_claim else {"no-store"})
    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("x-request-id")
    if response.status >= 400:
        check_problem(method, response)
    return response


def check_problem(method: str, response: Response) -> None:
    """Check that every error is a problem document (RFC 9457) in ASCII, with what the statuses ask for."""
    assert response.header("content-type") == "application/problem+json"
    assert (response.header("retry-after") is not None) == (response.status in {429, 503})
    asks_for_a_key = response.status in {401, 403} and not _is_cross_site(method, response)
    assert (response.header("www-authenticate") is not None) == asks_for_a_key
    assert (response.header("allow") is not None) == (response.status == 405)
    if method == "HEAD":
        return
    assert response.body.isascii()
    document = response.json()
    assert document["status"] == response.status
    assert document["type"] == f"urn:order-engine:problem:{document['code']}"
    assert document["request_id"] == response.header("x-request-id")
    assert document["title"]
    assert document["detail"]
    assert "Traceback" not in document["detail"]


def _is_cross_site(method: str, response: Response) -> bool:
    """Whether it is a page that is refused, whom no key would help."""
    return method != "HEAD" and response.code == "cross_site_request"
