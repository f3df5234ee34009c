"""The event streams of one application: their limit, their updates, and their common end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from order_engine.application.engine import OrderEngine, internals_of
from order_engine.domain.errors import NotRunning, OrderEngineError, Overloaded
from order_engine_adapters.http.events.feed import EventFeed
from order_engine_adapters.http.events.order_watch import OrderWatch
from order_engine_adapters.http.events.sse import DRAINING, INTERRUPTED
from order_engine_adapters.http.events.stream import Stream
from order_engine_adapters.http.limits import HttpLimits

AnyStream = TypeVar("AnyStream", bound=Stream)

SHORTEST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.5
"""Maximum seconds between two polls of the repository, however often orders change."""
PAUSE_PER_LOOK: Final = 4
"""Minimum pause between polls as a multiple of the duration of a poll: polling takes a fifth of the time at most."""
RETRY_SECONDS: Final = 5.0

_logger = logging.getLogger("order_engine.http")


class StreamRegistry:
    """Runs one task that polls for new events while there are streams and orders may have changed."""

    def __init__(self, engine: OrderEngine, limits: HttpLimits) -> None:
        """Follow `engine`."""
        self.feed: EventFeed = EventFeed(engine, limits.stream_bytes)
        self.watch: OrderWatch = OrderWatch(engine)
        self.alone: set[Stream] = set()
        """Those that read by themselves, and are woken when there may be news."""
        self._engine = engine
        self._runtime = internals_of(engine).runtime
        self._most = limits.max_streams
        self._heartbeat_seconds = limits.heartbeat_seconds
        self._open: set[Stream] = set()
        self._following: asyncio.Task[None] | None = None
        self._beating: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of open streams."""
        return len(self._open)

    @contextmanager
    def opened(self, stream: AnyStream) -> Iterator[AnyStream]:
        """Register a stream while it is open. Raises NotRunning once the engine has drained, and Overloaded."""
        if self._runtime.is_drained:
            message = "The service is shutting down. Connect to another process."
            raise NotRunning(message)
        if len(self._open) >= self._most:
            message = f"Event stream limit ({self._most:,}) reached."
            raise Overloaded(message, RETRY_SECONDS)
        self._open.add(stream)
        if len(self._open) == 1:
            self._begin()
        try:
            yield stream
        finally:
            self._open.discard(stream)
            if not self._open:
                self._cease()

    def _begin(self) -> None:
        self._following = asyncio.create_task(self._follow(), name="order_engine event streams")
        self._beat_later()

    def _cease(self) -> None:
        if self._following is not None:
            self._following.cancel()
        if self._beating is not None:
            self._beating.cancel()

    def _beat_later(self) -> None:
        self._beating = asyncio.get_running_loop().call_later(self._heartbeat_seconds, self._beat)

    def _beat(self) -> None:
        for stream in self._open:
            stream.beat()
        self._beat_later()

    def _end_all(self, last_words: bytes) -> None:
        for stream in self._open:
            stream.end(last_words)

    async def _follow(self) -> None:
        try:
            number, is_last = 0, False
            while not is_last:
                number = await self._engine.changed(number)
                is_last = self._runtime.is_drained
                await self._look()
            self._end_all(DRAINING)
        except NotRunning:
            self._end_all(DRAINING)
        except Exception:
            _logger.exception("Reading events for the event streams failed")
            self._end_all(INTERRUPTED)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self.feed.advance()
            await self.watch.look()
            for stream in self.alone:
                stream.wake.set()
        except NotRunning:
            raise
        except OrderEngineError:
            # The failed call has notified the observer. The next poll resumes at the same cursor.
            pass
        pause = PAUSE_PER_LOOK * (loop.time() - began)
        await asyncio.sleep(min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE))
