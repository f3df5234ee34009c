"""The endpoints of event streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import Receive, Scope, Send

from order_engine.application.engine import OrderEngine, internals_of
from order_engine.domain.errors import InvalidCursor, OrderEngineError
from order_engine_adapters.http.access.guard import is_still_admitted
from order_engine_adapters.http.errors import NotAcceptable
from order_engine_adapters.http.events.event_log import ReaderTooSlow
from order_engine_adapters.http.events.feed import PAGE, FeedPosition
from order_engine_adapters.http.events.last_event_id import foreign_id, last_event_id, last_position
from order_engine_adapters.http.events.sse import (
    BEGINNING,
    DROPPED,
    EVENT_STREAM,
    INTERRUPTED,
    Position,
    chunks,
    event_text,
    ready_text,
)
from order_engine_adapters.http.events.stream import OrderStream, Stream, StreamWriter, send_head
from order_engine_adapters.http.events.stream_registry import StreamRegistry
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.messages.accept import Form, names_only, preferred_form
from order_engine_adapters.http.messages.media_type import PROBLEM_TYPE
from order_engine_adapters.http.messages.requests import path_order_id
from order_engine_adapters.http.messages.resource import within
from order_engine_adapters.http.messages.responses import NEVER_STORED, NO_CONTENT, Response, send_response
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

FORM: Final = (Form(EVENT_STREAM),)


class EventEndpoints:
    """Endpoints for server-sent events. Streams end when the engine drains; clients reconnect and miss nothing."""

    def __init__(self, engine: OrderEngine, limits: HttpLimits, time_limits: RequestTimeLimits) -> None:
        """Stream the events of `engine`."""
        self._engine = engine
        self._queries = internals_of(engine).queries
        self._limits = limits
        self._time_limits = time_limits
        self._page = min(PAGE, engine.options.page_limit)
        self.streams: StreamRegistry = StreamRegistry(engine, limits)

    async def head_of_all(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send the response head of the stream of all events."""
        _check(scope)
        await self._check_place(last_event_id(scope))
        await send_head(send)

    async def follow_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the events of all orders, from now on or after the client's last event."""
        _check(scope)
        place = last_event_id(scope)
        if not self._queries.reads_exactly:
            await self._follow_alone(Stream(is_still_admitted(scope)), place, receive, send)
            return
        with self.streams.opened(Stream(is_still_admitted(scope))) as stream:
            try:
                await self._check_place(place)
                joined = await within(
                    self._engine.options.request_seconds, self.streams.feed.join(stream), self._time_limits
                )
                async with self._writer(stream, receive, send) as writer:
                    await writer.begin(self._ready(place or joined.end, resumed=place is not None))
                    await self._send_all(stream, writer, place or joined.end, joined)
                    await writer.end()
            finally:
                self.streams.feed.leave(stream)

    async def head_of_one(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send the response head of the stream of one order."""
        _check(scope)
        position, order_id = last_position(scope) or BEGINNING, path_order_id(scope)
        if await self._is_over(order_id, position):
            await send_response(send, Response(NO_CONTENT, NEVER_STORED, b""))
        else:
            await send_head(send)

    async def follow_one(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream the events of one order until its last event is terminal."""
        _check(scope)
        last, order_id = last_position(scope), path_order_id(scope)
        position = last or BEGINNING
        if await self._is_over(order_id, position):
            await send_response(send, Response(NO_CONTENT, NEVER_STORED, b""))
            return
        with self.streams.opened(OrderStream(order_id, position, is_still_admitted(scope))) as stream:
            self.streams.watch.join(stream)
            try:
                async with self._writer(stream, receive, send) as writer:
                    await writer.begin(self._ready(position, resumed=last is not None))
                    await self._send_one(stream, writer)
                    await writer.end()
            finally:
                self.streams.watch.leave(stream)

    def _ready(self, place: str | Position, *, resumed: bool) -> bytes:
        return ready_text(place, resumed=resumed, heartbeat_seconds=self._limits.heartbeat_seconds)

    # All orders

    async def _follow_alone(self, stream: Stream, place: str | None, receive: Receive, send: Send) -> None:
        """Stream event by event, for a repository that only has a cursor per page."""
        with self.streams.opened(stream):
            await self._check_place(place)
            begin = place or (await self._engine.events(limit=0)).next
            self.streams.alone.add(stream)
            try:
                async with self._writer(stream, receive, send) as writer:
                    await writer.begin(self._ready(begin, resumed=place is not None))
                    await self._send_one_by_one(stream, writer, begin)
                    await writer.end()
            finally:
                self.streams.alone.discard(stream)

    async def _send_one_by_one(self, stream: Stream, writer: StreamWriter, place: str) -> None:
        try:
            while stream.last_words is None:
                stream.wake.clear()
                page = await self._engine.events(after=place, limit=1)
                place = page.next
                for event in page.events:
                    await writer.write(event_text(event, place))
                if not page.events:
                    await writer.write(b"")
                    await stream.wake.wait()
        except OrderEngineError:
            stream.end(INTERRUPTED)

    async def _check_place(self, place: str | None) -> None:
        if place is None:
            return
        try:
            await self._engine.events(after=place, limit=0)
        except InvalidCursor:
            raise foreign_id() from None

    async def _send_all(self, stream: Stream, writer: StreamWriter, place: str, joined: FeedPosition) -> None:
        """Read from the client's position to the position where the stream joined the feed, then follow the feed."""
        try:
            while place != joined.end and stream.last_words is None:
                page = await self._queries.events_until(joined.end, after=place, limit=self._page)
                place = page.next if page.events else joined.end
                for chunk in chunks(map(event_text, page.events, page.cursors)):
                    await writer.write(chunk)
                if self.streams.feed.log.has_lost(joined.position):
                    # Catching up took long: the feed is far ahead by now.
                    joined = await self.streams.feed.join(stream)
            await self._send_news(stream, writer, joined.position)
        except OrderEngineError:
            stream.end(INTERRUPTED)
        except ReaderTooSlow:
            stream.end(DROPPED)

    async def _send_news(self, stream: Stream, writer: StreamWriter, position: int) -> None:
        log = self.streams.feed.log
        while stream.last_words is None:
            stream.wake.clear()
            chunk = log.at(position)
            await writer.write(chunk or b"")
            if chunk is not None:
                position += 1
            else:
                await stream.wake.wait()

    # One order

    async def _is_over(self, order_id: str, position: Position) -> bool:
        """Return whether the order ended with this event.

        Raises OrderNotFound, or InvalidHeader for an unknown event.
        """
        state = await within(self._engine.options.request_seconds, self._queries.state(order_id), self._time_limits)
        if position.version > state.version or not await self._is_there(order_id, position):
            raise foreign_id()
        return position.version == state.version and state.status.ended

    async def _is_there(self, order_id: str, position: Position) -> bool:
        """Return whether the order still has the event of a position."""
        if position == BEGINNING:
            return True
        events = await self._engine.history(order_id, after=position.version - 1, limit=1)
        return [Position.of(event) for event in events] == [position]

    async def _send_one(self, stream: OrderStream, writer: StreamWriter) -> None:
        try:
            while stream.last_words is None:
                stream.wake.clear()
                if stream.has_more:
                    await self._send_history(stream, writer)
                else:
                    await writer.write(b"")
                    await stream.wake.wait()
        except OrderEngineError:
            stream.end(INTERRUPTED)

    async def _send_history(self, stream: OrderStream, writer: StreamWriter) -> None:
        stream.has_more = False
        events = await self._engine.history(stream.order_id, after=stream.position.version, limit=self._page)
        # Checked after reading, so that the page cannot belong to another history.
        if not await self._is_there(stream.order_id, stream.position):
            stream.end(INTERRUPTED)
            return
        for chunk in chunks(event_text(event, Position.of(event)) for event in events):
            await writer.write(chunk)
        if events:
            stream.position, stream.has_ended = Position.of(events[-1]), events[-1].status.ended
        if len(events) == self._page:
            stream.has_more = True
        elif stream.has_ended:
            stream.end()

    @asynccontextmanager
    async def _writer(self, stream: Stream, receive: Receive, send: Send) -> AsyncIterator[StreamWriter]:
        """Yield the writer of a stream while another task watches for a disconnect."""
        looking = asyncio.create_task(stream.end_with_client(receive), name="order_engine event stream client")
        try:
            yield StreamWriter(send, stream, self._limits.body_seconds, self._time_limits)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


def _check(scope: Scope) -> None:
    """Raise an error if the client does not accept event streams.

    Generated clients list only the media type of errors if that of the response is not JSON.
    """
    if preferred_form(scope, FORM) is None and not names_only(scope, PROBLEM_TYPE):
        message = "The Accept field excludes text/event-stream, the media type of the response."
        raise NotAcceptable(message)
