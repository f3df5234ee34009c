"""Hostile requests to the real server on a real socket: each is refused with a problem, and nothing is stored."""

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
    """Return one server for all requests: what the last one did to it, the next one meets."""
    async with attacked() as target:
        yield target


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("request_bytes", "status"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_request_is_refused_and_nothing_is_stored(
    victim: Target, request_bytes: bytes, status: int
) -> None:
    """A problem document with a 4xx, never a 5xx; afterwards the next request is answered, and there are no orders."""
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
async def test_what_is_no_request_is_refused_and_the_connection_closed(
    victim: Target, request_bytes: bytes, status: int
) -> None:
    """A problem document as for any other error, and then the end of the connection; the server goes on."""
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
async def test_what_is_no_request_is_told_its_name(
    victim: Target, request_bytes: bytes, status: int, name: str | None
) -> None:
    """Its own where that was read and is sane; else one that is made, and never that of the request before."""
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
    """409, and the first order stays as it was; the same again is answered as at first."""
    async with attacked() as target:
        assert (await target.send(post(GOOD))).status == 201
        conflict = await target.send(with_field("total_amount", "2"))
        assert (conflict.status, conflict.headers["content-type"]) == (409, "application/problem+json")
        again = await target.send(post(GOOD))
        assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")
        assert json.loads((await target.send(head("GET /orders/x"))).body)["total_amount"] == "1.00"
        assert await target.total_orders() == 1


async def test_what_only_looks_hostile_is_taken() -> None:
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
    """Also after a refusal, and when they are sent before the first is answered."""
    async with attacked() as target, asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(post(b"{") + post(GOOD) + head("DELETE /orders") + head("GET /orders/x/status"))
        statuses = [(await read_answer(reader)).status for _ in range(4)]
        assert statuses == [400, 201, 405, 200]
        writer.close()


async def test_the_wish_for_another_protocol_is_not_heard() -> None:
    """As Java's client utters it with its first request: the order is placed, and the connection goes on as it is."""
    wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA")
    async with attacked() as target, asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        for request, status in [(post(GOOD, *wish), 201), (head("GET /orders/x", *wish), 200), (post(b"{"), 400)]:
            writer.write(request)
            assert (await read_answer(reader)).status == status
        writer.close()


async def test_a_body_that_speaks_of_an_upgrade_is_left_as_it_is() -> None:
    """Only the head of a request is looked at, also where the body comes by itself."""
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
async def test_requests_that_are_bent_at_random_do_no_harm(seed: int) -> None:
    """No 5xx, no hang, nothing stored that was refused; `tests.integration.hostile_load` does the same for long."""
    findings = await run(1000, seed)
    assert findings.wrong == []
    assert findings.statuses[400] > 100
    assert findings.statuses[201] > 0
