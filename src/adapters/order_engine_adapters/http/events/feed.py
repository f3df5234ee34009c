"""One reader of all events for all streams of a process.

What a stream has seen is a place that its client may come back with, and a place is exact: no two readers of a
repository whose transactions commit late have seen the same, unless they read up to the same end. So the feed goes from
one end to the next, and a stream joins it at such an end, having read what lies between its own place and that end.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from order_engine.application.engine import OrderEngine, internals_of
from order_engine.domain.errors import InvalidCursor
from order_engine_adapters.http.events.event_log import EventLog
from order_engine_adapters.http.events.sse import INTERRUPTED, chunks, event_text
from order_engine_adapters.http.events.stream import Stream

PAGE: Final = 500
"""Events that are read at once."""


class FeedPosition(NamedTuple):
    """Where a stream joined: the end that all streams have reached, and the position of what follows it in the log."""

    end: str
    position: int


class EventFeed:
    """Reads all events while there are streams that follow them."""

    def __init__(self, engine: OrderEngine, most_bytes: int) -> None:
        """Read from `engine`, and keep `most_bytes` of the latest events for streams that are read slowly."""
        self.log = EventLog(most_bytes)
        self._engine = engine
        self._queries = internals_of(engine).queries
        self._page = min(PAGE, engine.options.page_limit)
        self._streams: set[Stream] = set()
        self._joined: set[Stream] = set()
        self._place: str | None = None
        self._begun = 0
        self._completed = 0
        self._reading = asyncio.Lock()

    async def join(self, stream: Stream) -> FeedPosition:
        """Let a stream join at an end of after this call. Raises what reading raises.

        It is woken from then on, until it leaves.
        """
        self._streams.add(stream)
        asked = self._begun
        async with self._reading:
            # Of many that ask at once, the first one reads for all.
            if self._completed <= asked or self._place is None:
                await self._read_on()
            self._joined.add(stream)
            return FeedPosition(self._place or "", self.log.end)

    def leave(self, stream: Stream) -> None:
        """Wake this stream no more; the last one ends the reading."""
        self._streams.discard(stream)
        self._joined.discard(stream)
        if not self._streams:
            self.forget()

    def forget(self) -> None:
        """Begin anew with the next stream."""
        self._place = None
        self.log.clear()

    async def advance(self) -> None:
        """Read what is new, if anybody follows. Raises what reading raises; then nothing is lost."""
        if self._streams:
            async with self._reading:
                await self._read_on()

    async def _read_on(self) -> None:
        self._begun += 1
        number = self._begun
        try:
            await self._read_to_the_end()
        except InvalidCursor:
            self._leave_history()
            await self._read_to_the_end()
        if not self._streams:
            self.forget()
        self._completed = number

    async def _read_to_the_end(self) -> None:
        end = (await self._engine.events(limit=0)).next
        if self._place is None:
            self._place = end
        while self._streams and self._place != end:
            page = await self._queries.events_until(end, after=self._place, limit=self._page)
            self._place = page.next if page.events else end
            for chunk in chunks(map(event_text, page.events, page.cursors)):
                self.log.append(chunk)
            if page.events:
                self._wake()
                # A repository in memory answers without a pause: let the streams read before there is more.
                await asyncio.sleep(0)

    def _leave_history(self) -> None:
        """Begin again after a restore or a fail-over: nobody can tell what those who follow have missed.

        Their clients connect again with their last ids, and are told that these are of another history. Streams that
        are about to join have seen nothing of it, and begin with what is there now.
        """
        for stream in self._joined:
            stream.end(INTERRUPTED)
        self._joined.clear()
        self.forget()

    def _wake(self) -> None:
        for stream in self._streams:
            stream.wake.set()
