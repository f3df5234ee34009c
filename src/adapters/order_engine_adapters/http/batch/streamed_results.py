"""Batch responses that are sent while orders are still arriving."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from starlette.types import Send

from order_engine_adapters.http.batch.formats import BatchFormat
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.messages.requests import ClientGone
from order_engine_adapters.http.messages.responses import NEVER_STORED, Header

APPLIED: Final = (b"preference-applied", b"stream")
"""Confirms the client's preference (RFC 7240, section 3)."""


class StreamedResults:
    """A response that a separate task sends from the first result on.

    Unread results are buffered up to a limit; then no more of the body is read. A client that still does not read is
    disconnected.
    """

    are_too_many = False

    def __init__(self, send: Send, form: BatchFormat, limits: HttpLimits) -> None:
        """Start the response with the first results; until then it can still become an error."""
        self.headers: list[Header] = [APPLIED]
        self._send = send
        self._form = form
        self._most_unread = limits.unread_bytes
        self._silence_seconds = limits.body_seconds
        self._waiting: deque[bytes] = deque()
        self._unread = 0
        self._ended = False
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send the remaining results and end the response; after an error, stop."""
        try:
            if error is None:
                self._ended = True
                self._add(self._form.closing)
                await self._wait_until(self._is_sent)
        finally:
            if self._sender is not None:
                self._sender.cancel()
                # Its error was already raised, or the error of the body takes precedence.
                await asyncio.gather(self._sender, return_exceptions=True)

    async def put(self, answers: Sequence[bytes]) -> None:
        """Add results. Waits while too many are unread; raises ClientGone if the client then stops reading."""
        if answers:
            self._add(self._form.text(answers, is_first=self._sender is None))
            await self._wait_until(self._has_room)

    def _add(self, text: bytes) -> None:
        self._waiting.append(text)
        self._unread += len(text)
        self._wake.set()
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all(), name="order_engine batch answers")
            self._sender.add_done_callback(lambda _: self._progress.set())

    async def _send_all(self) -> None:
        headers = [(b"content-type", self._form.media_type), *NEVER_STORED, *self.headers]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                text = self._waiting.popleft()
                is_last = self._ended and not self._waiting
                await self._send({"type": "http.response.body", "body": text, "more_body": not is_last})
                self._unread -= len(text)
                self._progress.set()
                if is_last:
                    return

    def _has_room(self) -> bool:
        return self._unread <= self._most_unread

    def _is_sent(self) -> bool:
        return self._sender is not None and self._sender.done()

    async def _wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait while the client keeps reading. Raises ClientGone if it stops or disconnects."""
        while True:
            self._raise_what_the_sender_died_of()
            if reached():
                return
            self._progress.clear()
            try:
                async with asyncio.timeout(self._silence_seconds):
                    await self._progress.wait()
            except TimeoutError:
                raise ClientGone from None

    def _raise_what_the_sender_died_of(self) -> None:
        if self._sender is None or not self._sender.done():
            return
        try:
            self._sender.result()
        except OSError as error:
            raise ClientGone from error
