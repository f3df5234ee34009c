"""Following events without a network: one request, and what has come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.unit.http.client import Client, Exchange
from tests.unit.http.event_source import EventParser

LIMIT_SECONDS = 10.0


class Follower:
    """A client that follows events, and reads as they come."""

    def __init__(self, exchange: Exchange) -> None:
        """Read what comes back."""
        self.exchange = exchange
        self.parser = EventParser()
        self._read = 0

    def read(self) -> None:
        """Take what has come since."""
        while self._read < len(self.exchange.sent):
            message = self.exchange.sent[self._read]
            self._read += 1
            if message["type"] == "http.response.body":
                self.parser.feed(message["body"])

    async def until(self, reached: Callable[[EventParser], bool]) -> EventParser:
        """Read until something has come."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                self.read()
                if reached(self.parser):
                    return self.parser
                assert not self.exchange.task.done(), "the stream has ended"
                await asyncio.sleep(0.001)

    async def events(self, number: int) -> EventParser:
        """Read until so many events have come."""
        return await self.until(lambda parser: len(parser.sent) >= number)

    async def begun(self) -> EventParser:
        """Read until the stream has begun: what happens from now on comes with it."""
        return await self.until(lambda parser: parser.retry is not None)

    async def place(self) -> str:
        """Return the id of the place where the stream began."""
        ready = (await self.begun()).ready
        assert ready is not None
        return ready.event_id

    async def to_the_end(self) -> EventParser:
        """Read until the stream has ended by itself."""
        response = await self.exchange.response()
        assert response.status == 200, response
        self.read()
        self.parser.end()
        return self.parser


@asynccontextmanager
async def following(
    client: Client, target: str, last_event_id: str | None = None, *shown: tuple[str, str]
) -> AsyncIterator[Follower]:
    """Follow the events at `target`, and leave at the end."""
    headers = [("accept", "text/event-stream"), *shown]
    if last_event_id is not None:
        headers.append(("last-event-id", last_event_id))
    exchange = client.begin("GET", target, headers)
    exchange.part(b"", last=True)
    try:
        yield Follower(exchange)
    finally:
        exchange.leave()
        exchange.read_on()
        async with asyncio.timeout(LIMIT_SECONDS):
            await exchange.task
