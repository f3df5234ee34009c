"""Connections to the server on a socket: their deadlines and their number."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from order_engine_adapters.http import ConnectionLimits
from tests.integration.attacked import Target, attacked, read_answer
from tests.integration.hostile_requests import JSON, head, with_field
from tests.integration.service import serving

IMPATIENT = ConnectionLimits(head_seconds=0.5, silence_seconds=0.5, keep_alive_seconds=0.5)
LIVE = head("GET /livez")
CLOSED = b""


def is_closed(rest: bytes) -> bool:
    """Whether only the end of the connection came."""
    return rest == CLOSED


async def status_of(reader: asyncio.StreamReader) -> int:
    """Return the status of the next response."""
    return (await read_answer(reader)).status


@pytest.mark.parametrize(
    "sent", [b"P", b"GET /livez HTTP/1.1\r\nHost: shop\r\n", b"\r\n\r\nGET /live"], ids=["a byte", "fields", "a path"]
)
async def test_an_incomplete_head_gets_408(sent: bytes) -> None:
    """With a problem document; then the connection is closed."""
    async with attacked(limits=IMPATIENT) as target:
        answer, rest = await target.send_and_read_on(sent)
        assert (answer.status, json.loads(answer.body)["code"]) == (408, "request_timed_out")
        assert is_closed(rest)


async def test_a_slow_head_gets_no_more_time() -> None:
    """The time starts with its first byte."""
    async with attacked(limits=IMPATIENT) as target, target.connected() as (reader, writer):
        answering = asyncio.create_task(read_answer(reader))
        for byte in b"GET /livez HTTP/1.1\r\nHost: shop\r\nX: " + b"y" * 10_000:
            writer.write(bytes([byte]))
            await asyncio.wait([answering], timeout=0.05)
            if answering.done():
                break
        assert (await answering).status == 408


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"], ids=["nothing", "empty lines"])
async def test_a_connection_without_a_request_is_closed(sent: bytes) -> None:
    """Without a response."""
    async with attacked(limits=IMPATIENT) as target, target.connected() as (reader, writer):
        writer.write(sent)
        assert is_closed(await reader.read())


async def test_an_idle_connection_is_closed() -> None:
    """After the keep-alive time, also if it sends empty lines."""
    async with attacked(limits=IMPATIENT) as target, target.connected() as (reader, writer):
        writer.write(LIVE)
        assert await status_of(reader) == 200
        closing = asyncio.create_task(reader.read())
        while not closing.done():
            writer.write(b"\r\n")
            await asyncio.wait([closing], timeout=0.1)
        assert is_closed(await closing)


async def test_the_rest_of_an_unread_body_has_a_deadline() -> None:
    """A 404 is sent at once. The connection ends when its body stalls."""
    async with attacked(limits=IMPATIENT) as target, target.connected() as (reader, writer):
        writer.write(head("POST /nowhere", length=1000) + b"x")
        assert await status_of(reader) == 404
        assert is_closed(await reader.read())


async def test_the_rest_of_an_unread_body_is_discarded() -> None:
    """What follows it is the next request."""
    async with attacked() as target, target.connected() as (reader, writer):
        writer.write(head("POST /nowhere", length=1000) + b"x")
        assert await status_of(reader) == 404
        writer.write(b"x" * 999 + LIVE)
        assert await status_of(reader) == 200


async def test_many_incomplete_requests_delay_nobody() -> None:
    """All are closed in time, and other clients are answered meanwhile."""
    half = [b"GET /livez HTTP/1.1\r\n", head("POST /orders", f"Content-Type: {JSON}", length=50) + b"{", b""]
    limits = ConnectionLimits(head_seconds=1, silence_seconds=1)
    async with attacked(limits=limits) as target, AsyncExitStack() as opened:
        held = [await opened.enter_async_context(target.connected()) for _ in range(300)]
        for number, (_, writer) in enumerate(held):
            writer.write(half[number % len(half)])
        for number in range(20):
            order = with_field("user_id", '"u"', order_id=b'"order-%d"' % number)
            assert (await target.send(order)).status == 201
        silent = [reader for number, (reader, _) in enumerate(held) if number % len(half) != 1]
        assert all(rest == b"" or rest.startswith(b"HTTP/1.1 408 ") for rest in [await each.read() for each in silent])
        assert await target.total_orders() == 20


async def test_a_client_that_reads_nothing_is_disconnected() -> None:
    """Also if it keeps sending requests."""
    big = with_field("attributes", json.dumps({"a": "x" * 200_000}))
    async with attacked(limits=IMPATIENT) as target, target.connected() as (reader, writer):
        assert (await target.send(big)).status == 201
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to
        writer.write(head("GET /orders/x") * 200)
        async with asyncio.timeout(15):
            while not await _is_cut_off(writer):  # noqa: ASYNC110 - only trying shows it
                await asyncio.sleep(0.05)


async def _is_cut_off(writer: asyncio.StreamWriter) -> bool:
    try:
        writer.write(b"\r\n")
        await writer.drain()
    except ConnectionError:
        return True
    return writer.transport.is_closing()


async def test_connections_over_the_limit_get_503() -> None:
    """With Retry-After. A closed connection makes room for another."""
    async with attacked(limits=ConnectionLimits(connections=2)) as target, target.connected():
        async with target.connected() as (reader, writer):
            writer.write(LIVE)
            assert await status_of(reader) == 200
            answer, rest = await target.send_and_read_on(LIVE)
            assert (answer.status, json.loads(answer.body)["code"]) == (503, "connections_exhausted")
            assert int(answer.headers["retry-after"]) >= 1
            assert is_closed(rest)
        await _wait_for_room(target)


async def test_connections_of_one_address_over_its_limit_get_429() -> None:
    """With Retry-After. A closed connection makes room for another."""
    async with attacked(limits=ConnectionLimits(connections_per_address=1)) as target:
        async with target.connected() as (reader, writer):
            writer.write(LIVE)
            assert await status_of(reader) == 200
            answer, rest = await target.send_and_read_on(LIVE)
            assert (answer.status, json.loads(answer.body)["code"]) == (429, "too_many_connections")
            assert int(answer.headers["retry-after"]) >= 1
            assert is_closed(rest)
        await _wait_for_room(target)


async def _wait_for_room(target: Target) -> None:
    async with asyncio.timeout(10):
        while (await target.send(LIVE)).status != 200:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.05)


def test_the_limits_are_settings(tmp_path: Path) -> None:
    """A flag of the service sets the limit of a connection."""
    with serving(tmp_path, "--head-seconds", "0.5", "--max-headers", "20", "--keep-alive-seconds", "0.5") as service:
        port = int(service.address.rpartition(":")[2])
        asked: dict[bytes, bytes] = {
            b"GET /livez HTTP/1.1\r\n": b"HTTP/1.1 408 ",
            head("GET /livez", *(f"X-{number}: y" for number in range(20))): b"HTTP/1.1 431 ",
            LIVE: b"HTTP/1.1 200 ",
        }
        for sent, answered in asked.items():
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(sent)
                received = b"".join(iter(lambda: connection.recv(65536), b""))
            assert received.startswith(answered)
