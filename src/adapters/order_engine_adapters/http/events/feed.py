"""One reader of all events for all streams of a process.

A position is exact: two readers of a repository whose transactions commit late have seen the same events only if they
read up to the same end. The feed therefore reads from one end to the next. A stream joins it at such an end, after it
has read everything between its own position and that end.
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
"""Maximum number of events per read."""


class FeedPosition(NamedTuple):
    """Where a stream joined the feed: the cursor that all streams have reached, and the position in the log."""

    end: str
    position: int


class EventFeed:
    """Reads all events while at least one stream follows them."""

    def __init__(self, engine: OrderEngine, most_bytes: int) -> None:
        """Read from `engine`, and buffer `most_bytes` of the latest events for slow streams."""
        self.log: EventLog = EventLog(most_bytes)
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
        """Let a stream join at an end reached after this call. Raises the errors of reading.

        The stream is notified of new events until it leaves.
        """
        self._streams.add(stream)
        asked = self._begun
        async with self._reading:
            # The first of concurrent callers reads for all.
            if self._completed <= asked or self._place is None:
                await self._read_on()
            self._joined.add(stream)
            return FeedPosition(self._place or "", self.log.end)

    def leave(self, stream: Stream) -> None:
        """Stop notifying this stream. The last one stops the reading."""
        self._streams.discard(stream)
        self._joined.discard(stream)
        if not self._streams:
            self.forget()

    def forget(self) -> None:
        """Reset the feed for the next stream."""
        self._place = None
        self.log.clear()

    async def advance(self) -> None:
        """Read new events if there are streams. Raises the errors of reading; nothing is lost then."""
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
                # A memory repository never yields to the event loop: let the streams read before the next page.
                await asyncio.sleep(0)

    def _leave_history(self) -> None:
        """End all streams after a restore or failover, since what they missed is unknown.

        Clients reconnect with their last ids and get an error because these belong to another history. Streams that
        are about to join have seen none of it, and start with the current events.
        """
        for stream in self._joined:
            stream.end(INTERRUPTED)
        self._joined.clear()
        self.forget()

    def _wake(self) -> None:
        for stream in self._streams:
            stream.wake.set()
