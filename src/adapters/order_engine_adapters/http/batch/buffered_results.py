"""Batch responses that are sent after the whole body was received."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Final, Self

from starlette.types import Message, Send

from order_engine_adapters.http.batch.formats import BatchFormat
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.messages.requests import ClientGone
from order_engine_adapters.http.messages.responses import NEVER_STORED, PART_BYTES, Header
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

IN_MEMORY_BYTES: Final = 1024 * 1024
"""Bytes of results in memory; earlier ones are in a temporary file."""

_logger = logging.getLogger("order_engine.http")


class BufferedResults:
    """A response that begins after the last result.

    Proxies and clients that cannot send and receive at the same time abort a request at the first byte of its response.
    Results are therefore buffered in memory and then in an unnamed temporary file.
    """

    def __init__(self, send: Send, form: BatchFormat, limits: HttpLimits, time_limits: RequestTimeLimits) -> None:
        """Buffer up to `limits.kept_answer_bytes`. One addition may exceed the limit; it must be the last."""
        self._send = send
        self._form = form
        self._most = limits.kept_answer_bytes
        self._silence_seconds = limits.body_seconds
        self._time_limits = time_limits
        self.headers: list[Header] = []
        self._recent: list[bytes] = []
        self._recent_bytes = 0
        self._file: IO[bytes] | None = None
        self._file_bytes = 0

    async def __aenter__(self) -> Self:
        """Start buffering."""
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send everything, or nothing after an error. Raises ClientGone if the client does not read it."""
        try:
            if error is None:
                self._add(self._form.closing)
                await self._send_all()
        finally:
            if self._file is not None:
                self._file.close()

    @property
    def are_too_many(self) -> bool:
        """Whether the size limit is reached."""
        return self._size >= self._most

    @property
    def _size(self) -> int:
        return self._file_bytes + self._recent_bytes

    async def put(self, answers: Sequence[bytes]) -> None:
        """Add results."""
        self._add(self._form.text(answers, is_first=not self._size))
        if self._recent_bytes > IN_MEMORY_BYTES and not self.are_too_many:
            await self._move_to_file()

    def _add(self, text: bytes) -> None:
        self._recent.append(text)
        self._recent_bytes += len(text)

    async def _move_to_file(self) -> None:
        text = b"".join(self._recent)
        try:
            await asyncio.to_thread(self._write, text)
        except OSError:
            _logger.warning("Cannot write the temporary file for the results of a batch", exc_info=True)
            self._most = 0
            return
        self._recent, self._recent_bytes = [], 0
        self._file_bytes += len(text)

    def _write(self, text: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="order-engine-batch-", buffering=0)  # noqa: SIM115 - the context's
        left = memoryview(text)
        while left:
            left = left[self._file.write(left) :]

    async def _send_all(self) -> None:
        length = (b"content-length", b"%d" % self._size)
        headers = [(b"content-type", self._form.media_type), length, *NEVER_STORED, *self.headers]
        await self._pass_on({"type": "http.response.start", "status": 200, "headers": headers})
        if self._file is not None:
            self._file.seek(0)
            for start in range(0, self._file_bytes, PART_BYTES):
                part = await asyncio.to_thread(self._file.read, min(PART_BYTES, self._file_bytes - start))
                await self._pass_on({"type": "http.response.body", "body": part, "more_body": True})
        await self._pass_on({"type": "http.response.body", "body": b"".join(self._recent)})

    async def _pass_on(self, message: Message) -> None:
        try:
            with self._time_limits.within(self._silence_seconds):
                await self._send(message)
        except (TimeoutError, OSError):
            raise ClientGone from None
