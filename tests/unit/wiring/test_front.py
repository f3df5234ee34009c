"""What answers at an address of several processes, of which some serve and some start."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.http import ConnectionLimits
from order_engine_adapters.http.server.server import AddressUnavailable, bound_socket
from order_engine_adapters.service.front_server import FrontServer, answering_at
from order_engine_adapters.service.siblings import Siblings

WAIT_SECONDS = 30
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def saying(word: str) -> ASGIApp:
    """Return an application that answers everything with one word."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the signature of ASGI
        length = str(len(word)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": word.encode()})

    return app


@asynccontextmanager
async def front_at(bound: socket.socket, siblings: Siblings | None) -> AsyncIterator[FrontServer]:
    """Return a front server that responds with "starting"."""
    async with answering_at(bound, saying("starting"), ConnectionLimits(), SystemClock(), siblings) as front:
        assert front is not None
        yield front


class Client:
    """One connection to a front."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use the two ends of the connection."""
        self._reader, self._writer = reader, writer

    async def ask(self) -> str:
        """Return the word that a request is answered with; "" where the connection is closed."""
        self._writer.write(REQUEST)
        async with asyncio.timeout(WAIT_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return (await self._reader.readexactly(length)).decode()

    async def closed(self) -> None:
        """Wait until the other side closes the connection."""
        async with asyncio.timeout(WAIT_SECONDS):
            assert await self._reader.read() == b""


@asynccontextmanager
async def connected(bound: socket.socket) -> AsyncIterator[Client]:
    """Give a connection."""
    reader, writer = await asyncio.open_connection(*bound.getsockname()[:2])
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def test_one_alone_answers_from_the_beginning() -> None:
    """A connection that was made during the start is answered by the engine after it."""
    with bound_socket("127.0.0.1", 0) as bound:
        async with front_at(bound, None) as front, connected(bound) as client:
            assert await client.ask() == "starting"
            await front.switch(saying("serving"))
            assert await client.ask() == "serving"


async def test_one_of_several_answers_while_nobody_serves() -> None:
    """Then for its engine."""
    with bound_socket("127.0.0.1", 0) as bound:
        async with front_at(bound, Siblings()) as front:
            async with connected(bound) as client:
                assert await client.ask() == "starting"
            await front.switch(saying("serving"))
            async with connected(bound) as client:
                assert await client.ask() == "serving"


async def test_one_of_several_leaves_the_address_to_the_first_that_serves() -> None:
    """It takes no more connections and closes those that it has, until it serves itself."""
    with bound_socket("127.0.0.1", 0) as bound:
        siblings = Siblings()
        async with front_at(bound, siblings) as front:
            async with connected(bound) as client:
                assert await client.ask() == "starting"
                siblings.note()
                await client.closed()
            await front.switch(saying("serving"))
            async with connected(bound) as client:
                assert await client.ask() == "serving"


async def test_one_of_several_that_starts_later_does_not_answer_before_it_serves() -> None:
    """Where another one serves, its socket is not even listened on."""
    with bound_socket("127.0.0.1", 0) as bound:
        async with front_at(bound, Siblings(serve=True)) as front:
            with pytest.raises(ConnectionRefusedError):
                async with connected(bound):
                    pass
            await front.switch(saying("serving"))
            async with connected(bound) as client:
                assert await client.ask() == "serving"


@pytest.mark.parametrize("siblings", [None, Siblings()])
async def test_an_address_that_somebody_else_listens_on(siblings: Siblings | None) -> None:
    """It was free when it was bound, and another process was faster: the address is unavailable."""
    with bound_socket("127.0.0.1", 0) as bound, bound_socket(*bound.getsockname()) as other:
        other.listen()
        with pytest.raises(AddressUnavailable, match="in use"):
            async with front_at(bound, siblings):
                pass
