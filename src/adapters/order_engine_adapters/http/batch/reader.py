"""The elements of a batch, as far as they have come in."""

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
"""What is split at once: of nothing but brackets that takes 8 ms (CPython 3.11)."""
ELEMENTS_AT_ONCE: Final = 500


class BatchReader:
    """Splits one body, which is never there as a whole."""

    def __init__(
        self, receive: Receive, splitter: Splitter, limits: HttpLimits, time_limits: RequestTimeLimits
    ) -> None:
        """Read the body by `receive`."""
        self._splitter = splitter
        self._limits = limits
        self._incoming = self._parts(body_parts(receive, limits.body_seconds, time_limits))
        self._pace = Pace()
        self.broken_off: OrderEngineError | None = None
        """Why the elements end before the body does, once they have ended."""

    async def aclose(self) -> None:
        """Read no more."""
        await self._incoming.aclose()

    async def groups(self) -> AsyncGenerator[Sequence[Element], None]:
        """Yield the elements of each part of the body, not too many at once. Raises MalformedJson and ClientGone."""
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
        """Read the rest of the body without looking at it: who is answered before the end may lose what it sends."""
        try:
            async for _ in self._incoming:
                pass
        except (BodyTooLarge, RequestTimedOut):
            return

    async def _parts(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield what comes of the body, up to the limit. Raises BodyTooLarge, RequestTimedOut and ClientGone."""
        room = self._limits.batch_bytes
        async for part in body:
            yield part[:room]
            if len(part) > room:
                raise BodyTooLarge(self._limits.batch_bytes)
            room -= len(part)
