"""Elements of a batch body as they arrive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Final

from starlette.types import Receive

from order_engine.domain.errors import OrderEngineError
from order_engine_adapters.http.batch.splitter import Element, Splitter
from order_engine_adapters.http.errors import BodyTooLarge, RequestTimedOut
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.messages.pace import Pace
from order_engine_adapters.http.messages.requests import body_parts
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

SLICE_BYTES: Final = 8 * 1024
"""Bytes to split in one step. The worst case, only brackets, takes 8 ms (CPython 3.11)."""
ELEMENTS_AT_ONCE: Final = 500


class BatchReader:
    """Splits a streamed body into elements."""

    def __init__(
        self, receive: Receive, splitter: Splitter, limits: HttpLimits, time_limits: RequestTimeLimits
    ) -> None:
        """Read the body from `receive`."""
        self._splitter = splitter
        self._limits = limits
        self._incoming = self._parts(body_parts(receive, limits.body_seconds, time_limits))
        self._pace = Pace()
        self.broken_off: OrderEngineError | None = None
        """The error that ended the batch before its body, set after the last element."""

    async def aclose(self) -> None:
        """Stop reading."""
        await self._incoming.aclose()

    async def groups(self) -> AsyncGenerator[Sequence[Element], None]:
        """Yield the elements of each part of the body in groups of limited size.

        Raises MalformedJson and ClientGone.
        """
        try:
            async for part in self._incoming:
                found: list[Element] = []
                for start in range(0, len(part), SLICE_BYTES):
                    found += self._splitter.feed(part[start : start + SLICE_BYTES])
                    if self._pace.is_due(SLICE_BYTES):
                        await self._pace.pause()
                    while len(found) >= ELEMENTS_AT_ONCE:
                        yield found[:ELEMENTS_AT_ONCE]
                        found = found[ELEMENTS_AT_ONCE:]
                if found:
                    yield found
        except (BodyTooLarge, RequestTimedOut) as error:
            self.broken_off = error
            return
        if last := list(self._splitter.end()):
            yield last
        self.broken_off = self._splitter.broken_off

    async def pass_over(self) -> None:
        """Discard the rest of the body. Clients may lose a response that is sent before they have sent everything."""
        try:
            async for _ in self._incoming:
                pass
        except (BodyTooLarge, RequestTimedOut):
            return

    async def _parts(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the parts of the body up to the limit. Raises BodyTooLarge, RequestTimedOut and ClientGone."""
        room = self._limits.batch_bytes
        async for part in body:
            yield part[:room]
            if len(part) > room:
                raise BodyTooLarge(self._limits.batch_bytes)
            room -= len(part)
