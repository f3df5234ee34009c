"""Keeping the answers of a batch until its body is complete."""

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
"""How many bytes of answers one batch has in memory; those before them are in a temporary file."""

_logger = logging.getLogger("order_engine.http")


class BufferedResults:
    """Begins the response after the last answer.

    Proxies and clients that do not send and read at the same time end a request with the first byte of its answer, and
    lose what they had still to send. So the answers wait, in memory and then in a temporary file without a name.
    """

    def __init__(self, send: Send, form: BatchFormat, limits: HttpLimits, time_limits: RequestTimeLimits) -> None:
        """Keep up to `limits.kept_answer_bytes`; what is put beyond it is kept too, and is to be the last."""
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
        """Begin."""
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send everything; after an error, nothing. Raises ClientGone where the client does not read it."""
        try:
            if error is None:
                self._add(self._form.closing)
                await self._send_all()
        finally:
            if self._file is not None:
                self._file.close()

    @property
    def are_too_many(self) -> bool:
        """Whether the limit is reached."""
        return self._size >= self._most

    @property
    def _size(self) -> int:
        return self._file_bytes + self._recent_bytes

    async def put(self, answers: Sequence[bytes]) -> None:
        """Take some answers."""
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
