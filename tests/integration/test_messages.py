"""What is said on a connection to the real server: pipelines, bodies in chunks, versions, and targets of all forms."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from starlette.types import Receive, Scope, Send

from tests.integration.attacked import attacked, read_answer
from tests.integration.hostile_requests import CHUNKS, GOOD, JSON, head, post, raw, with_field

LIVE = head("GET /livez")
CLOSED = b""


def is_closed(rest: bytes) -> bool:
    """Whether nothing but the end of the connection came."""
    return rest == CLOSED


async def status_of(reader: asyncio.StreamReader) -> int:
    """Return the status of the next answer."""
    return (await read_answer(reader)).status


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    """Also where a slow one is before quick ones, and where nonsense follows: that is refused in its turn."""
    order = [with_field("user_id", '"u"', order_id=b'"order-%d"' % number) for number in range(50)]
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(b"".join(each + LIVE for each in order) + b"BREW / HTTP/1.1\r\n\r\n" + LIVE)
        assert [await status_of(reader) for _ in range(101)] == [201, 200] * 50 + [400]
        assert is_closed(await reader.read())
        assert await target.total_orders() == 50


async def test_too_many_pipelined_requests_end_the_connection_after_what_was_taken() -> None:
    """Whoever is not answered sends again, on another connection (RFC 9112, section 9.3.2)."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(raw("GET /livez HTTP/1.1", "Host:") * 5000)
        received = await reader.read(-1)
        assert 1000 <= received.count(b"HTTP/1.1 200 OK") <= 5000


async def test_the_first_version_of_http_is_spoken() -> None:
    """HTTP/1.0 without a Host field: the connection is kept where it is asked for, and closed otherwise."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(raw("GET /livez HTTP/1.0", "Connection: keep-alive"))
        assert (await read_answer(reader)).headers["connection"] == "keep-alive"
        writer.write(raw("GET /livez HTTP/1.0"))
        assert (await read_answer(reader)).headers["connection"] == "close"
        assert is_closed(await reader.read())


async def test_a_stream_to_the_first_version_of_http_ends_with_its_connection() -> None:
    """It knows no chunks."""
    line = GOOD + b"\n"
    async with attacked() as target, target.connected() as (reader, writer):
        fields = ("Content-Type: application/x-ndjson", f"Content-Length: {len(line)}", "Connection: keep-alive")
        writer.write(raw("POST /orders/batch HTTP/1.0", "Prefer: stream", *fields) + line)
        head_part, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head_part
        answer, summary = map(json.loads, body.splitlines())
        assert (answer["code"], summary["read"]) == (201, 1)


@pytest.mark.parametrize("preference", ["stream", "wait=10"])
async def test_a_batch_is_asked_for_where_its_client_waits_for_that(preference: str) -> None:
    """`Expect: 100-continue` has the body sent, whenever the answer begins; the connection is kept."""
    line = GOOD + b"\n"
    fields = ("Content-Type: application/x-ndjson", "Expect: 100-continue", f"Prefer: {preference}")
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(head("POST /orders/batch", *fields, length=len(line)))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(line + LIVE)
        head_part = await reader.readuntil(b"\r\n\r\n")
        assert head_part.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (b"transfer-encoding: chunked" in head_part) == (preference == "stream")
        assert b'"read":1,"placed":1' in await reader.readuntil(b'"refused":0}')
        assert (await reader.readuntil(b"HTTP/1.1 200 OK\r\n")).strip().endswith(b"200 OK")


async def test_a_connection_is_closed_when_asked() -> None:
    """What follows is not looked at."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(head("GET /livez", "Connection: close") + LIVE)
        assert (await read_answer(reader)).headers["connection"] == "close"
        assert is_closed(await reader.read())


async def test_a_client_that_will_send_no_more_is_answered() -> None:
    """It has closed its side only; everything that it asked before is answered."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(post(GOOD) + head("GET /orders/x"))
        writer.write_eof()
        assert [await status_of(reader), await status_of(reader)] == [201, 200]
        assert is_closed(await reader.read())


async def test_a_body_is_asked_for_where_the_client_waits_for_that() -> None:
    """`Expect: 100-continue`: the interim answer, the body, the answer."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(head("POST /orders", f"Content-Type: {JSON}", "Expect: 100-continue", length=len(GOOD)))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(GOOD + LIVE)
        assert [await status_of(reader), await status_of(reader)] == [201, 200]


async def test_a_body_that_was_not_asked_for_ends_the_connection() -> None:
    """Nobody could say whether what comes next is that body or a request."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(head("POST /orders", "Content-Type: text/plain", "Expect: 100-continue", length=len(GOOD)))
        answer = await read_answer(reader)
        assert (answer.status, answer.headers["connection"]) == (415, "close")
        assert is_closed(await reader.read())


async def test_a_body_in_chunks_is_taken_and_its_trailer_is_not() -> None:
    """A field that comes after the body is none of the head: an Idempotency-Key there would be too late."""
    half = len(GOOD) // 2
    chunks = b"".join(b"%x;part=1\r\n%b\r\n" % (len(each), each) for each in (GOOD[:half], GOOD[half:]))
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(CHUNKS + chunks + b"0\r\nIdempotency-Key: " + b"k" * 300 + b"\r\n\r\n" + LIVE)
        assert [await status_of(reader), await status_of(reader)] == [201, 200]


async def test_chunks_of_nearly_nothing_are_refused() -> None:
    """Extensions of chunks without end are read by nobody, and are no body."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(CHUNKS)
        answering = asyncio.create_task(read_answer(reader))
        async with asyncio.timeout(10):
            while not answering.done():
                writer.write(b"1;" + b"e" * 10_000 + b"\r\n \r\n")
                await asyncio.wait([answering], timeout=0.001)
        assert (await answering).status == 400


async def test_a_chunk_that_is_broken_is_answered_by_the_connection() -> None:
    """While the body is being waited for; the order is not stored."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(CHUNKS + b'5\r\n{"ord\r\n')
        await target.total_orders()
        writer.write(b"nonsense\r\n")
        answer = await read_answer(reader)
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed_request")
        assert is_closed(await reader.read())
        assert await target.total_orders() == 0


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_a_request_in_small_pieces_is_the_same_request(size: int) -> None:
    """Wherever it is cut, also in the middle of a wish for another protocol."""
    wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    request = post(GOOD, *wish) + CHUNKS.replace(b"Host", b"Connection: upgrade\r\nUpgrade: x\r\nHost")
    request += b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD) + head("GET /orders/x", *wish)
    async with attacked() as target, target.connected() as (reader, writer):
        for at in range(0, len(request), size):
            writer.write(request[at : at + size])
            await asyncio.sleep(0)
        assert [await status_of(reader) for _ in range(3)] == [201, 201, 200]


async def test_the_server_as_a_whole_can_be_asked_for_its_methods() -> None:
    """`OPTIONS *` (RFC 9110, section 9.3.7)."""
    async with attacked() as target:
        answer = await target.send(head("OPTIONS *"))
        assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")


async def test_a_target_may_be_a_url() -> None:
    """A request to a proxy is understood (RFC 9112, section 3.2.2)."""
    async with attacked() as target:
        assert (await target.send(post(GOOD, path="http://shop:80/orders"))).status == 201
        assert (await target.send(head("GET HTTPS://shop/orders/x?"))).status == 200
        assert (await target.send(head("GET http://shop/nowhere"))).status == 404


@pytest.mark.parametrize("name", ["shop", "shop:8000", "127.0.0.1", "[::1]:80", "", "xn--caf-dma.example", "a%20b"])
async def test_any_name_is_answered(name: str) -> None:
    """The Host field is checked for its form only."""
    async with attacked() as target:
        assert (await target.send(raw("GET /livez HTTP/1.1", f"Host: {name}"))).status == 200


async def test_no_answer_names_the_server() -> None:
    """Nor its version; each has a date."""
    async with attacked() as target:
        for request in (LIVE, post(GOOD), head("GET /nowhere"), b"nonsense\r\n\r\n"):
            answer = await target.send(request)
            assert "server" not in answer.headers
            assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", answer.headers["date"])


async def test_an_error_of_the_application_is_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    """500 and nothing of the inside; the log has it, once."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the signature of ASGI
        message = "a secret"
        raise ValueError(message)

    async with attacked(app=broken) as target:
        answer = await target.send(LIVE)
        assert (answer.status, json.loads(answer.body)["code"]) == (500, "internal_error")
        assert b"secret" not in answer.body
    assert [record.exc_info is not None for record in caplog.records] == [True]
