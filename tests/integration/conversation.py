"""Many HTTP connections at once, on plain sockets: cheap enough for a thousand of them beside the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.integration.service import JSON_TYPE, Answer

HEAD_END = b"\r\n\r\n"
CONVERSATION_SECONDS = 60.0


class Request(NamedTuple):
    """One request; a body is a JSON document."""

    method: str
    path: str
    body: bytes = b""


class Connection:
    """One persistent connection, one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        """Use an open connection."""
        self._reader = reader
        self._writer = writer
        self._host = host

    async def ask(self, request: Request) -> Answer:
        """Send a request and return its answer. Raises OSError or EOFError where the connection breaks."""
        self._writer.write(self._head(request) + request.body)
        await self._writer.drain()
        head = (await self._reader.readuntil(HEAD_END)).decode("ascii").splitlines()
        fields = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in fields}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body.decode())

    def _head(self, request: Request) -> bytes:
        lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {self._host}"]
        if request.body:
            lines += [f"Content-Type: {JSON_TYPE}", f"Content-Length: {len(request.body)}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


BROKEN = (OSError, EOFError)
"""What a conversation raises where the service dies in the middle of it."""


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Connection]:
    """Give a connection to the service."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Connection(reader, writer, parts.netloc)
    finally:
        # Not waited for: where the other side is dead this only raises what is known.
        writer.transport.abort()
        await asyncio.sleep(0)


def post_order(body: bytes) -> Request:
    """Return the request that places an order."""
    return Request("POST", "/orders", body)


async def ask_all(address: str, requests: Iterable[Request], connections: int) -> Sequence[Answer]:
    """Send the requests on `connections` at once; return the answers in the order of the requests."""
    wanted = list(enumerate(requests))
    waiting = iter(wanted)
    answers: dict[int, Answer] = {}

    async def talk(connection: Connection) -> None:
        for number, request in waiting:
            answers[number] = await connection.ask(request)

    async with asyncio.timeout(CONVERSATION_SECONDS), AsyncExitStack() as opened:
        open_all = [await opened.enter_async_context(connected(address)) for _ in range(connections)]
        async with asyncio.TaskGroup() as group:
            for connection in open_all:
                group.create_task(talk(connection))
    return [answers[number] for number, _ in wanted]
