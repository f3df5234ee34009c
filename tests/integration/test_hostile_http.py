"""Hostile requests to the server on a socket: each is refused with a problem document, and nothing is stored."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.attacked import PATIENCE_SECONDS, Target, attacked, read_answer
from tests.integration.hostile_load import run
from tests.integration.hostile_requests import BROKEN, GOOD, HOSTILE, head, post, raw, with_field


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def victim() -> AsyncIterator[Target]:
    """Return one server for all requests, so that each meets the effects of those before."""
    async with attacked() as target:
        yield target


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("request_bytes", "status"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_request_is_refused_and_nothing_is_stored(
    victim: Target, request_bytes: bytes, status: int
) -> None:
    """With a problem document and 4xx, never 5xx. The next request is answered, and there are no orders."""
    answer = await victim.send(request_bytes)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.body)
    assert document["status"] == status
    assert document["type"].startswith("urn:order-engine:problem:")
    assert len(answer.body) < 20_000
    assert await victim.total_orders() == 0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("request_bytes", "status"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_malformed_request_is_refused_and_closes_the_connection(
    victim: Target, request_bytes: bytes, status: int
) -> None:
    """With a problem document. The server continues."""
    answer, rest = await victim.send_and_read_on(request_bytes)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert "server" not in answer.headers
    document: dict[str, Any] = json.loads(answer.body)
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert rest == b""
    assert await victim.total_orders() == 0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("request_bytes", "status", "name"),
    [
        (raw("GET /orders/x HTTP/1.1", "X-Request-ID: mine"), 400, "mine"),
        (head("GET /orders/x", "X-Request-ID: mine", *(f"X-{number}: y" for number in range(200))), 431, "mine"),
        (head("POST /orders", "X-Request-ID: mine", "Transfer-Encoding: chunked") + b"x", 400, "mine"),
        (head("GET /orders/x", "X-Request-ID: mi ne", "X : y"), 400, None),
        (head("GET /orders/x", "X-Request-ID: mine", "X-Request-ID: yours", "A: b", "X : y"), 400, None),
        (head("GET /livez", "X-Request-ID: earlier") + b"no request at all HTTP/1.1\r\n\r\n", 400, None),
        (head("GET /livez", "X-Request-ID: earlier") + head("BREW /livez", "X-Request-ID: unread"), 400, None),
    ],
)
async def test_a_malformed_request_gets_a_request_id(
    victim: Target, request_bytes: bytes, status: int, name: str | None
) -> None:
    """Its own if that was read and is valid; otherwise a new one, never that of the request before."""
    async with victim.connected() as (reader, writer):
        writer.write(request_bytes)
        answers = [await read_answer(reader) for _ in range(request_bytes.count(b" HTTP/1."))]
    refused = answers[-1]
    assert refused.status == status
    given = refused.headers["x-request-id"]
    assert json.loads(refused.body)["request_id"] == given
    if name is not None:
        assert given == name
    else:
        assert re.fullmatch("[0-9a-f]{16}-[0-9a-f]+", given)


async def test_the_same_id_again_with_other_content_is_a_conflict() -> None:
    """409, and the order is unchanged. The same content again gets the first response."""
    async with attacked() as target:
        assert (await target.send(post(GOOD))).status == 201
        conflict = await target.send(with_field("total_amount", "2"))
        assert (conflict.status, conflict.headers["content-type"]) == (409, "application/problem+json")
        again = await target.send(post(GOOD))
        assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")
        assert json.loads((await target.send(head("GET /orders/x"))).body)["total_amount"] == "1.00"
        assert await target.total_orders() == 1


async def test_unusual_but_valid_orders_are_placed() -> None:
    """-0, the longest number, 32 levels, and 10,000 items."""
    taken = {
        "total_amount": ["-0", "1." + "0" * 398, "1e15", '"1e-6"'],
        "attributes": ['{"a":' * 31 + "1" + "}" * 31, '{"n":' + "9" * 400 + "}", r'{"a":"\ud83d\ude00"}'],
        "item_ids": [json.dumps(["i"] * 10_000)],
    }
    async with attacked() as target:
        for name, values in taken.items():
            for value in values:
                request = with_field(name, value, order_id=b"null")
                assert (await target.send(request)).status == 201, (name, value[:50])
        assert await target.total_orders() == 8


async def test_requests_follow_one_another_on_one_connection() -> None:
    """Also after a refusal, and when they are pipelined."""
    async with attacked() as target, asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(post(b"{") + post(GOOD) + head("DELETE /orders") + head("GET /orders/x/status"))
        statuses = [(await read_answer(reader)).status for _ in range(4)]
        assert statuses == [400, 201, 405, 200]
        writer.close()


async def test_an_upgrade_is_ignored() -> None:
    """As Java's client sends it with its first request: the order is placed, and the connection stays HTTP/1.1."""
    wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA")
    async with attacked() as target, asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        for request, status in [(post(GOOD, *wish), 201), (head("GET /orders/x", *wish), 200), (post(b"{"), 400)]:
            writer.write(request)
            assert (await read_answer(reader)).status == status
        writer.close()


async def test_an_upgrade_within_a_body_means_nothing() -> None:
    """Only the head of a request counts, also if the body is read separately."""
    attributes = json.dumps({"note": "\r\nUpgrade: now"}).encode()
    request = with_field("attributes", attributes)
    blank_line = request.index(b"\r\n\r\n") + 4
    async with attacked() as target, asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(request[:blank_line])
        await writer.drain()
        # Answered once it is parsed: then the first part has been read by itself.
        await target.total_orders()
        writer.write(request[blank_line:])
        assert (await read_answer(reader)).status == 201
        writer.close()
        stored = json.loads((await target.send(head("GET /orders/x"))).body)
        assert stored["attributes"] == {"note": "\r\nUpgrade: now"}


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_mutations_of_requests_do_no_harm(seed: int) -> None:
    """No 5xx, no hang, no refused order is stored. `tests.integration.hostile_load` runs longer."""
    findings = await run(1000, seed)
    assert findings.wrong == []
    assert findings.statuses[400] > 100
    assert findings.statuses[201] > 0
