"""Which problems an operation may answer with: those that it was seen to answer with, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from order_engine import Rejected
from order_engine_adapters.http import Access, HttpLimits, create_app
from order_engine_adapters.http.access.keys import AccessScope
from order_engine_adapters.http.openapi import OPERATIONS
from order_engine_adapters.http.openapi.document import DocumentOptions, document
from tests.unit.application.bench import Bench, Work, raises
from tests.unit.http.client import JSON_BODY, NDJSON_BODY, Client, Headers, Response
from tests.unit.http.rings import Ring
from tests.unit.http.serving import serving, text

Place = tuple[str, str]
BODY_BYTES: Final = 400
OF_THE_SURROUNDINGS: Final = frozenset(
    {"not_running", "order_busy", "outcome_unknown", "overloaded", "store_refused", "unavailable"}
)
"""Problems that come of what is behind the service, in whatever part of it: told wherever it is asked for anything."""
BELOW_THE_APPLICATION: Final = frozenset(
    {
        "connections_exhausted", "header_too_large", "malformed_request", "request_line_too_long",
        "request_timed_out", "too_many_connections",
    }
)  # fmt: skip
"""Problems that a request meets before there is an application, or while its body comes: tried on a real server."""
OF_EVERY_REQUEST: Final = frozenset({"internal_error", "too_many_requests"})


@dataclass(frozen=True)
class Attempt:
    """One way to get something refused."""

    headers: Headers = ()
    query: str = ""
    order_id: str = "order1"
    asset: str = "docs.css"
    body: bytes | None = None
    typed: bool = True


KEY: Headers = (("idempotency-key", "key1"),)
ATTEMPTS: Final[Sequence[Attempt]] = (
    Attempt(headers=(("accept", "image/png"),)),
    Attempt(query="?nobody_knows=1"),
    *(Attempt(headers=((name, "\x7f"),)) for name in ("if-match", "if-none-match", "idempotency-key", "last-event-id")),
    Attempt(headers=(("if-match", '"99"'),)),
    Attempt(order_id="nobody"),
    Attempt(order_id="order1%2Fx", asset="nothing"),
    Attempt(query="?cursor=none"),
    Attempt(headers=(("content-type", "text/plain"),), typed=False),
    Attempt(headers=(("content-encoding", "gzip"),)),
    Attempt(body=b"{"),
    Attempt(headers=JSON_BODY, typed=False, body=b"?"),
    Attempt(headers=JSON_BODY, typed=False, body=b"{}"),
    Attempt(body=b"{}"),
    Attempt(body=text("order1", user_id="another")),
    Attempt(headers=KEY, body=text("order8", user_id="another")),
    Attempt(body=b" " * (BODY_BYTES + 1)),
    Attempt(headers=(("content-length", "99999999"), ("expect", "100-continue"))),
    Attempt(headers=(("sec-fetch-site", "cross-site"),), typed=False),
)


def told() -> Mapping[Place, frozenset[str]]:
    """Return the codes of the problems that the document names for each operation, by its path and method."""
    described = document(DocumentOptions(keys=True))
    return {
        (path, method.upper()): frozenset(
            code
            for status, answer in operation["responses"].items()
            if int(status) >= 400
            for content in answer["content"].values()
            for code in content["examples"]
        )
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }


async def codes(client: Client, place: Place, attempts: Sequence[Attempt]) -> set[str]:
    """Make attempts on an operation, and return the codes of the problems that it answered with."""
    return {response.code for each in attempts if (response := await asked(client, place, each)).status >= 400}


async def asked(client: Client, place: Place, attempt: Attempt) -> Response:
    """Make one attempt; a stream is left as soon as it has begun."""
    path, method = place
    typed = (NDJSON_BODY if path.endswith("batch") else JSON_BODY) if method == "POST" and attempt.typed else ()
    target = path.format(order_id=attempt.order_id, asset=attempt.asset) + attempt.query
    exchange = client.begin(method, target, (*typed, *attempt.headers))
    body = text("order2") if attempt.body is None else attempt.body
    exchange.part(body if method == "POST" else b"", last=True)
    if await exchange.status() >= 300 or method == "POST":
        return await exchange.response()
    exchange.task.cancel()
    await asyncio.gather(exchange.task, return_exceptions=True)
    return Response(200, (), b"")


@pytest.mark.parametrize("place", OPERATIONS, ids=" ".join)
async def test_what_is_refused_is_told_and_what_is_told_is_refused(place: Place) -> None:
    """Every problem of a request's own making, on every operation, and with keys besides."""
    ring = Ring()
    seen: set[str] = set()
    async with serving(limits=HttpLimits(body_bytes=BODY_BYTES)) as service:
        seen |= await codes(service.client, place, [Attempt()])
    async with serving(limits=HttpLimits(body_bytes=BODY_BYTES)) as service:
        await service.place("order1", "batch")
        await service.client.send("POST", "/orders", (*JSON_BODY, *KEY), text("order9"))
        seen |= await codes(service.client, place, ATTEMPTS)
    async with serving(Work(raises(Rejected))) as failing:
        # Failed, it can be redriven and not cancelled.
        await failing.place("order1")
        await failing.bench.settle()
        seen |= await codes(failing.client, place, [Attempt(headers=(("if-match", '"99"'),)), Attempt()])
    async with serving(access=Access(keys=ring.ring)) as guarded:
        # Of these two there is one for every operation that does not open it.
        shown = [ring.showing(AccessScope.WRITE), ring.showing(AccessScope.METRICS), ("authorization", "Bearer none")]
        seen |= await codes(guarded.client, place, [Attempt(), *(Attempt(headers=(key,)) for key in shown)])
    expected = told()[place] - BELOW_THE_APPLICATION - OF_THE_SURROUNDINGS - OF_EVERY_REQUEST
    assert seen - OF_THE_SURROUNDINGS == expected


@pytest.mark.parametrize("place", OPERATIONS, ids=" ".join)
async def test_what_is_wrong_behind_the_service_is_told(place: Place) -> None:
    """While its repository is away, and before its engine is started: nothing but what the document names."""
    async with serving() as service:
        await service.place("order1")
        service.bench.repository.unavailable = True
        seen = await codes(service.client, place, [Attempt()])
    seen |= await codes(Client(create_app(Bench().build())), place, [Attempt()])
    assert seen <= told()[place] & OF_THE_SURROUNDINGS
