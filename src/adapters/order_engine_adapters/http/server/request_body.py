"""The body of a request, buffered until the application receives it."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from starlette.types import Message
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

from order_engine_adapters.http.server.write_buffer import WriteBuffer

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodySource(Protocol):
    """The connection that a body comes from."""

    flow: FlowControl
    output: WriteBuffer

    def resume_body(self, body: RequestBody) -> None:
        """Resume reading if the next bytes on the connection belong to this body."""


class RequestBody:
    """Buffers what the client has sent of a body. Past 64 KiB it pauses reading until the application receives."""

    __slots__ = (
        "_buffered_bytes", "_end_received", "_parts", "_source", "_wake", "closed", "complete", "expects_continue",
        "size",
    )  # fmt: skip

    def __init__(self, source: BodySource, *, expects_continue: bool) -> None:
        """Start empty. With `expects_continue` the first `receive` asks the client for the body."""
        self._source = source
        self.expects_continue: bool = expects_continue
        """Whether the client may wait for 100 Continue; it gets none once the response has started."""
        self.complete: bool = False
        self.closed: bool = False
        """Whether the application receives no more: its response is complete, or the client is gone."""
        self.size: int = 0
        """Bytes fed so far."""
        self._parts: list[bytes] = []
        self._buffered_bytes = 0
        self._end_received = False
        self._wake: asyncio.Event | None = None

    def feed(self, part: bytes) -> None:
        """Append a part; nobody reads it once the body is closed."""
        if self.closed or self.complete:
            return
        self._parts.append(part)
        self.size += len(part)
        self._buffered_bytes += len(part)
        if self._buffered_bytes > HIGH_WATER_LIMIT:
            self._source.flow.pause_reading()
        if self._wake is not None:
            self._wake.set()

    def finish(self) -> None:
        """Mark the body as complete."""
        self.complete = True
        if self._wake is not None:
            self._wake.set()

    def close(self) -> None:
        """Let every further `receive` return `http.disconnect`."""
        self.closed = True
        if self._wake is not None:
            self._wake.set()

    async def receive(self) -> Message:
        """Return the next part of the body. After the last one, wait until the body is closed."""
        if self.expects_continue:
            self.expects_continue = False
            if not self.complete and not self.size:
                self._source.output.write(CONTINUE)
        while not (self.closed or self._parts or (self.complete and not self._end_received)):
            self._source.resume_body(self)
            if self._wake is None:
                self._wake = asyncio.Event()
            self._wake.clear()
            await self._wake.wait()
        if self.closed:
            return {"type": "http.disconnect"}
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts, self._buffered_bytes = [], 0
        self._end_received = self.complete
        return {"type": "http.request", "body": body, "more_body": not self.complete}
