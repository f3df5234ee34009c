"""One open event stream: what it waits for, and how it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Send

from order_engine_adapters.http.events.sse import EVENT_STREAM, HEARTBEAT, Position
from order_engine_adapters.http.messages.requests import ClientGone
from order_engine_adapters.http.messages.responses import NEVER_STORED
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

HEADERS = (
    (b"content-type", EVENT_STREAM),
    *NEVER_STORED,
    # nginx would wait for more before it passes anything on.
    (b"x-accel-buffering", b"no"),
)


class Stream:
    """What wakes a stream: events, a heartbeat that is due, its end."""

    def __init__(self, is_admitted: Callable[[], bool]) -> None:
        """Begin with nothing to send. The stream goes on for as long as its client is admitted."""
        self._is_admitted = is_admitted
        self.wake = asyncio.Event()
        self._beat_is_due = False
        self._last_words: bytes | None = None

    @property
    def last_words(self) -> bytes | None:
        """What to end with, now that the stream has to end; None while it goes on."""
        return self._last_words

    def beat(self) -> None:
        """Ask for a heartbeat, or for the end where the client's key was revoked: its next request tells it so."""
        if not self._is_admitted():
            self.end()
        self._beat_is_due = True
        self.wake.set()

    def beat_is_due(self) -> bool:
        """Whether a heartbeat was asked for since this was asked last."""
        is_due, self._beat_is_due = self._beat_is_due, False
        return is_due

    def end(self, last_words: bytes = b"") -> None:
        """Let the stream end with these words; the first ones count."""
        if self._last_words is None:
            self._last_words = last_words
        self.wake.set()

    async def end_with_client(self, receive: Receive) -> None:
        """Let the stream end when its client leaves."""
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.end()


class OrderStream(Stream):
    """A stream of one order."""

    def __init__(self, order_id: str, position: Position, is_admitted: Callable[[], bool]) -> None:
        """Go on after a position."""
        super().__init__(is_admitted)
        self.order_id = order_id
        self.position = position
        self.has_more = True
        self.has_ended = False
        """Whether the last event that was sent is an end."""


async def send_head(send: Send) -> None:
    """Send the head of a stream alone: without a length, since no stream has one."""
    await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
    await send({"type": "http.response.body", "body": b""})


class StreamWriter:
    """Sends one stream; a client that reads nothing for too long is given up with ClientGone."""

    def __init__(self, send: Send, stream: Stream, seconds: float, time_limits: RequestTimeLimits) -> None:
        """Wait `seconds` at most for a client to read."""
        self._send = send
        self._stream = stream
        self._seconds = seconds
        self._time_limits = time_limits

    async def begin(self, text: bytes) -> None:
        """Send the head of the answer, and the first text."""
        await self._send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        await self.write(text)

    async def write(self, text: bytes) -> None:
        """Send a text, with a heartbeat before it where one is due."""
        if self._stream.beat_is_due():
            text = HEARTBEAT + text
        if text:
            await self._pass_on(text, more=True)

    async def end(self) -> None:
        """Send the last words, and end the answer."""
        await self._pass_on(self._stream.last_words or b"", more=False)

    async def _pass_on(self, text: bytes, *, more: bool) -> None:
        try:
            with self._time_limits.within(self._seconds):
                await self._send({"type": "http.response.body", "body": text, "more_body": more})
        except (TimeoutError, OSError):
            raise ClientGone from None
