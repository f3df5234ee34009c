"""An open event stream: its signals and its response."""

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
    # Disables the response buffering of nginx.
    (b"x-accel-buffering", b"no"),
)


class Stream:
    """Signals of a stream: new events, heartbeats and its end."""

    def __init__(self, is_admitted: Callable[[], bool]) -> None:
        """Start without signals. The stream ends when its client loses access."""
        self._is_admitted = is_admitted
        self.wake: asyncio.Event = asyncio.Event()
        self._beat_is_due = False
        self._last_words: bytes | None = None

    @property
    def last_words(self) -> bytes | None:
        """The final text of a stream that has to end, else None."""
        return self._last_words

    def beat(self) -> None:
        """Request a heartbeat, or end the stream if the client's key was revoked; its next request fails then."""
        if not self._is_admitted():
            self.end()
        self._beat_is_due = True
        self.wake.set()

    def beat_is_due(self) -> bool:
        """Whether a heartbeat was requested since the last call."""
        is_due, self._beat_is_due = self._beat_is_due, False
        return is_due

    def end(self, last_words: bytes = b"") -> None:
        """End the stream with this text. The first call counts."""
        if self._last_words is None:
            self._last_words = last_words
        self.wake.set()

    async def end_with_client(self, receive: Receive) -> None:
        """End the stream when its client disconnects."""
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.end()


class OrderStream(Stream):
    """A stream of one order."""

    def __init__(self, order_id: str, position: Position, is_admitted: Callable[[], bool]) -> None:
        """Resume after a position."""
        super().__init__(is_admitted)
        self.order_id = order_id
        self.position = position
        self.has_more = True
        self.has_ended = False
        """Whether the last event that was sent is an end."""


async def send_head(send: Send) -> None:
    """Send the response head only, without a length."""
    await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
    await send({"type": "http.response.body", "body": b""})


class StreamWriter:
    """Writes one stream. Raises ClientGone if the client does not read in time."""

    def __init__(self, send: Send, stream: Stream, seconds: float, time_limits: RequestTimeLimits) -> None:
        """Wait at most `seconds` for the client to read."""
        self._send = send
        self._stream = stream
        self._seconds = seconds
        self._time_limits = time_limits

    async def begin(self, text: bytes) -> None:
        """Send the response head and the first text."""
        await self._send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        await self.write(text)

    async def write(self, text: bytes) -> None:
        """Send a text, preceded by a heartbeat if one is due."""
        if self._stream.beat_is_due():
            text = HEARTBEAT + text
        if text:
            await self._pass_on(text, more=True)

    async def end(self) -> None:
        """Send the final text and end the response."""
        await self._pass_on(self._stream.last_words or b"", more=False)

    async def _pass_on(self, text: bytes, *, more: bool) -> None:
        try:
            with self._time_limits.within(self._seconds):
                await self._send({"type": "http.response.body", "body": text, "more_body": more})
        except (TimeoutError, OSError):
            raise ClientGone from None
