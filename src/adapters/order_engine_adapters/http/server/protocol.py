"""HTTP/1.1 on one connection, below ASGI: which request is next, how long it may take, and when all is over."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, cast

from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from order_engine_adapters.http.errors import RequestRefused, RequestTimedOut
from order_engine_adapters.http.server.asgi_scope import connection_scope, request_scope
from order_engine_adapters.http.server.connections import NEVER, Connections
from order_engine_adapters.http.server.exchange import Exchange
from order_engine_adapters.http.server.outgoing import Outgoing
from order_engine_adapters.http.server.request_parser import RequestParser
from order_engine_adapters.http.server.response_head import last_answer

LINGER_SECONDS: Final = 2.0
"""How long a client may take to read why its connection ends; closed at once, it may lose what was sent last."""
DISCARDED_BYTES: Final = 4 * 1024 * 1024
"""How much of what nobody reads is taken and thrown away before the connection is closed."""
MOST_PIPELINED: Final = 1000
"""How many requests may wait behind one that is being answered: after those the connection ends."""


class Protocol(HttpToolsProtocol):
    """One connection. Of uvicorn's protocol it keeps what uvicorn's server knows: its making and its ending."""

    def __init__(self, watch: Connections, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """Be one of the connections that `watch` watches."""
        super().__init__(*arguments, **options)
        self.parser = None  # type: ignore[assignment]
        self.due = NEVER
        self._watch = watch
        self._limits = watch.limits
        self._requests = RequestParser(self, watch.limits)
        self._scope: Scope = {}
        self._outgoing: Outgoing
        self._current: Exchange | None = None
        """The exchange that the application is at."""
        self._last: Exchange | None = None
        """The exchange whose request is being read, or was read last."""
        self._queue: deque[Exchange] = deque()
        self._refused: RequestRefused | None = None
        self._times_head = False
        self._lingers = False
        self._half_closed = False
        self._passed_over = 0
        self._unread: int | None = None

    # What the event loop tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or say why not."""
        self.transport = transport
        self.flow = FlowControl(transport)
        self._outgoing = Outgoing(transport, self._watch.turn, self.loop)
        self._scope = connection_scope(transport)
        self.connections.add(self)
        client = self._scope["client"]
        address = None if client is None else client[0]
        refusal = self._watch.opened(self, address, self.loop)
        self._wait(self._limits.head_seconds)
        if refusal is not None and not self._watch.has_time_for_words:
            transport.abort()
        elif refusal is not None:
            self._refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature of asyncio
        """Tell the application that nobody waits for its answer."""
        self.connections.discard(self)
        self._watch.closed(self)
        if self._current is not None:
            self._current.disconnect()
        self._queue.clear()
        self._requests.close()
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client's."""
        if self._refused is not None or self._lingers:
            self._pass_over(data)
            return
        try:
            self._requests.feed(data)
        except RequestRefused as error:
            self._refuse(error)
            return
        if self._current is None:
            self._time_what_is_incomplete(data)
        elif self.flow.write_paused:
            # Who sends is there, and reads once everything is sent: many clients do.
            self._wait(self._limits.silence_seconds)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what a client has asked before it said that it will ask no more; else close.

        A stream that it only listens to ends: that it will not ask is all that is seen of its going away.
        """
        current = self._current
        if (
            current is None
            or self._last is None
            or self._last.more_body
            or (current.streamed and not current.body_bytes)
        ):
            return False
        self._half_closed = True
        return True

    def pause_writing(self) -> None:
        """Note that the client reads less than it is sent."""
        self.flow.pause_writing()
        self._unread = None
        self._wait(self._limits.silence_seconds)

    def resume_writing(self) -> None:
        """Note that the client has read most of what it was sent."""
        self.flow.resume_writing()
        if self._current is not None:
            self.due = NEVER
        elif not self._lingers:
            self._wait(self._limits.keep_alive_seconds)

    # What the server tells

    def shutdown(self) -> None:
        """End once what was asked is answered."""
        if self._current is None:
            self._outgoing.close()
        elif self._last is not None:
            self._last.keep_alive = False

    def expire(self) -> None:
        """End what has taken too long."""
        unread = self._outgoing.unsent_bytes()
        if unread and (self._unread is None or unread < self._unread):
            self._unread = unread
            self._wait(self._limits.silence_seconds)
        elif unread or self.transport.is_closing():
            self.transport.abort()
        elif self._current is not None:
            self.due = NEVER
        elif self._requests.in_head and not self._lingers:
            seconds = self._limits.head_seconds
            self._refuse(RequestTimedOut(f"The request head was incomplete after {seconds:g} s."))
        else:
            self._close()

    # What the parser tells

    def begun(self, head: RequestParser) -> None:
        """Have a request answered, or let it wait for its turn."""
        if self._last is not None and not self._last.keep_alive:
            return
        scope = request_scope(self._scope, head, self.app_state)
        exchange = Exchange(self, scope, keep_alive=head.keep_alive, waits_for_continue=head.waits_for_continue)
        self._last = exchange
        self._times_head = False
        if self._current is None:
            self._run(exchange)
            return
        self._queue.append(exchange)
        self.flow.pause_reading()
        if len(self._queue) == MOST_PIPELINED:
            exchange.keep_alive = False

    def part(self, part: bytes) -> None:
        """Take more of a body."""
        if self._last is not None and self._last.more_body and not self._last.answered:
            self._last.feed(part)

    def ended(self) -> None:
        """Note that a request is complete."""
        last = self._last
        if last is not None:
            last.feed_end()
            if last.answered:
                self._passed_over = 0
                self._wait(self._limits.keep_alive_seconds)

    # What an exchange tells

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._outgoing.write(data)

    def want(self, exchange: Exchange) -> None:
        """Read on where the next bytes belong to this exchange: else only more and more would wait."""
        if exchange is self._last:
            self.flow.resume_reading()

    def answered(self, exchange: Exchange) -> None:
        """Go on with the next request."""
        if exchange is not self._current:
            return
        self._current = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not exchange.keep_alive or (exchange.streamed and exchange.more_body):
            self._finish(reads_on=exchange.more_body or self.flow.read_paused)
        elif self._queue:
            self._run(self._queue.popleft())
        elif self._refused is not None:
            self._answer_refusal(self._refused)
        elif self._half_closed:
            self._close()
        else:
            self._wait_for_request(exchange)

    def broken_off(self) -> None:
        """Close in the middle of an answer; nothing else would tell the client that it is not whole."""
        if self.flow.write_paused:
            self.transport.abort()
        else:
            self._close()

    # What follows from it

    def _run(self, exchange: Exchange) -> None:
        self._current = exchange
        if not self.flow.write_paused:
            self.due = NEVER
        # uvicorn has types of its own for what every ASGI application is.
        exchange.task = self.loop.create_task(exchange.run(cast("ASGIApp", self.app)))
        self.tasks.add(exchange.task)

    def _wait(self, seconds: float) -> None:
        self.due = self.loop.time() + seconds

    def _wait_for_request(self, exchange: Exchange) -> None:
        if self.flow.write_paused:
            pass
        elif exchange.more_body:
            self._wait(self._limits.silence_seconds)
        elif self._requests.in_head:
            self._times_head = True
            self._wait(self._limits.head_seconds)
        else:
            self._wait(self._limits.keep_alive_seconds)
        self.flow.resume_reading()

    def _time_what_is_incomplete(self, data: bytes) -> None:
        """Limit the time of the next head, or of the rest of a body that was answered before it had come."""
        if self._requests.in_head:
            if not self._times_head:
                self._times_head = True
                self._wait(self._limits.head_seconds)
        elif self._last is not None and self._last.more_body:
            self._wait(self._limits.silence_seconds)
            self._pass_over(data)

    def _pass_over(self, data: bytes) -> None:
        self._passed_over += len(data)
        if self._passed_over > DISCARDED_BYTES:
            self.transport.abort()

    def _refuse(self, error: RequestRefused) -> None:
        """Answer with why this is no request, once everything before it is answered, and close."""
        self._refused = error
        last = self._last
        if last is not None and last.more_body and not last.answered:
            # It is the body of this one that cannot be read.
            last.disconnect()
            if last is not self._current:
                self._queue.remove(last)
            elif last.sent_something:
                self.broken_off()
                return
            else:
                self._current = None
        if self._current is None:
            self._answer_refusal(error)

    def _answer_refusal(self, error: RequestRefused) -> None:
        answer = self._watch.refusals.answer(error, self._requests.fields)
        self.write(last_answer(answer, self.server_state.default_headers, with_body=self._requests.method != "HEAD"))
        self._finish(reads_on=True)

    def _finish(self, *, reads_on: bool) -> None:
        """Close; where the client may still be sending, only after it has had time to read the answer."""
        self._queue.clear()
        if not reads_on or not self.transport.can_write_eof():
            self._close()
            return
        self._lingers = True
        self._outgoing.write_end()
        self.flow.resume_reading()
        self._wait(LINGER_SECONDS)

    def _close(self) -> None:
        """Close once everything is sent; the deadline is for a client that does not read it."""
        self._wait(self._limits.silence_seconds)
        self._outgoing.close()
