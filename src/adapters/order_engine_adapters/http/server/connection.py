"""One HTTP/1.1 connection, below ASGI: its state, its deadline, and which request is next."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, cast

from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from order_engine_adapters.http.errors import RequestRefused, RequestTimedOut
from order_engine_adapters.http.server.asgi_scope import connection_scope, request_scope
from order_engine_adapters.http.server.connection_state import IGNORES_INPUT, TRANSITIONS, IllegalTransition
from order_engine_adapters.http.server.connection_state import ConnectionState as State
from order_engine_adapters.http.server.open_connections import NEVER, OpenConnections
from order_engine_adapters.http.server.request_body import RequestBody
from order_engine_adapters.http.server.request_cycle import STARTED, RequestCycle
from order_engine_adapters.http.server.request_parser import RequestParser
from order_engine_adapters.http.server.response_head import closing_response
from order_engine_adapters.http.server.write_buffer import WriteBuffer

MAX_DISCARDED_BYTES: Final = 4 * 1024 * 1024
"""Input that is read and discarded at most; after that the connection is aborted."""
SLICE_BYTES: Final = 64 * 1024
"""Data that is parsed at once. The smallest requests in it take 15 ms (CPython 3.11)."""
MAX_PIPELINED: Final = 1000
"""Requests that may wait behind the current one; the last of them ends the connection."""


class HttpConnection(HttpToolsProtocol):
    """One connection. Derives from uvicorn's protocol since uvicorn's server creates it and shuts it down."""

    def __init__(self, peers: OpenConnections, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """Belong to `peers`, whose limits apply."""
        super().__init__(*arguments, **options)
        self.parser: Any = None
        self.state: State = State.NEW
        self.due: float = NEVER
        self._peers = peers
        self._seconds = peers.seconds
        self._requests = RequestParser(self, peers.limits)
        self._scope: Scope = {}
        self.output: WriteBuffer
        self._current: RequestCycle | None = None
        """The request that the application answers."""
        self._last: RequestCycle | None = None
        """The request that is being read, or was read last."""
        self._pipeline: deque[RequestCycle] = deque()
        self._refusal: RequestRefused | None = None
        self._discarded_bytes = 0
        self._unread_bytes: int | None = None

    # Called by the event loop

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or refuse it where a limit is reached."""
        self.transport = transport
        self.flow: FlowControl = FlowControl(transport)
        self.output = WriteBuffer(transport, self._peers.flushes, self.loop)
        self._scope = connection_scope(transport)
        self.connections.add(self)
        client = self._scope["client"]
        refusal = self._peers.add(self, None if client is None else client[0], self.loop)
        self._limit_to(self._seconds[State.NEW])
        if refusal is not None and self._peers.too_many_refused:
            transport.abort()
        elif refusal is not None:
            self._refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature of asyncio
        """Tell the application that nobody waits for its response."""
        self._enter(State.CLOSED)
        self.connections.discard(self)
        self._peers.remove(self)
        if self._current is not None:
            self._current.disconnect()
        self._pipeline.clear()
        self._requests.close()
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse what the client sent, or discard it where no further request is read."""
        if self.state in IGNORES_INPUT:
            self._discard(data)
            return
        try:
            self._feed(data)
        except RequestRefused as error:
            self._refuse(error)
            return
        if self._current is not None:
            if self.flow.write_paused:
                # Many clients send everything before they read: sending is a sign of life.
                self._limit_to(self._peers.limits.silence_seconds)
        elif self.state is State.DISCARDING:
            self._limit_to(self._seconds[State.DISCARDING])
            self._discard(data)
        elif self._requests.in_head and self.state is not State.READING_HEAD:
            self._enter(State.READING_HEAD)

    def _feed(self, data: bytes) -> None:
        """Parse data in slices; ignore what follows the last request that is answered, which may be much."""
        for start in range(0, len(data), SLICE_BYTES):
            if self.state is State.DRAINING and self._last is not None and self._last.body.complete:
                return
            self._requests.feed(data[start : start + SLICE_BYTES])

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer the complete requests of a client that sends no more, and close.

        An event stream ends at once: that its client sends no more is the only sign that it left.
        """
        current, last = self._current, self._last
        only_listens = current is not None and current.streamed and not current.body.size
        complete = last is not None and (last.body.complete or self.state is State.REFUSING)
        if current is None or only_listens or not complete:
            self._close()
            return False
        if self.state is State.ANSWERING:
            self._enter(State.HALF_CLOSED)
        return True

    def pause_writing(self) -> None:
        """Start the deadline of a client that reads less than it is sent."""
        self.flow.pause_writing()
        self._unread_bytes = None
        self._limit_to(self._peers.limits.silence_seconds)

    def resume_writing(self) -> None:
        """Return to the deadline of the state: the client has read most of what it was sent."""
        self.flow.resume_writing()
        self._limit_to(self._seconds[self.state])

    # Called by the server

    def shutdown(self) -> None:
        """Answer the requests that were read, and close."""
        if self._current is None:
            self._close()
        elif self.state is not State.REFUSING and self._last is not None:
            self._last.keep_alive = False
            self.drain()

    def expire(self) -> None:
        """Act on the deadline."""
        unread_bytes = self.output.unsent_bytes()
        if unread_bytes and (self._unread_bytes is None or unread_bytes < self._unread_bytes):
            self._unread_bytes = unread_bytes
            self._limit_to(self._peers.limits.silence_seconds)
        elif unread_bytes or self.transport.is_closing():
            self.transport.abort()
        elif self._current is not None:
            self.due = NEVER
        elif self.state is State.READING_HEAD:
            seconds = self._peers.limits.head_seconds
            self._refuse(RequestTimedOut(f"The request head was incomplete after {seconds:g} s."))
        else:
            self._close()

    # Called by the parser

    def request_started(self, head: RequestParser) -> None:
        """Run the application on a request, or queue it behind the current one."""
        if self.state is State.DRAINING:
            return
        scope = request_scope(self._scope, head, self.app_state)
        cycle = RequestCycle(self, scope, keep_alive=head.keep_alive, expects_continue=head.expects_continue)
        self._last = cycle
        if self._current is None:
            self._enter(State.ANSWERING)
            self._run(cycle)
        else:
            self._pipeline.append(cycle)
            self.flow.pause_reading()
            if len(self._pipeline) == MAX_PIPELINED:
                cycle.keep_alive = False
        if not cycle.keep_alive:
            self.drain()

    def body_received(self, part: bytes) -> None:
        """Buffer a part of a body."""
        if self._last is not None:
            self._last.body.feed(part)

    def request_complete(self) -> None:
        """Mark the request as complete."""
        if self._last is not None:
            self._last.body.finish()
        if self.state is State.DISCARDING:
            self._discarded_bytes = 0
            self._enter(State.IDLE)

    # Called by a request cycle

    def resume_body(self, body: RequestBody) -> None:
        """Resume reading for the body that is being read; otherwise further requests would pile up."""
        if self._last is not None and body is self._last.body:
            self.flow.resume_reading()

    def drain(self) -> None:
        """Accept no further request."""
        if self.state is State.ANSWERING or self.state is State.HALF_CLOSED:
            self._enter(State.DRAINING)

    def response_complete(self, cycle: RequestCycle) -> None:
        """Continue with the next request, or end the connection."""
        self._current = None
        self.server_state.total_requests += 1
        complete = cycle.body.complete
        if self.transport.is_closing():
            return
        if not cycle.keep_alive or (cycle.streamed and not complete):
            self._finish(client_sends=not complete or self.flow.read_paused)
        elif self._pipeline:
            self._run(self._pipeline.popleft())
        elif self._refusal is not None:
            self._send_refusal(self._refusal)
        elif self.state is State.HALF_CLOSED:
            self._close()
        else:
            next_state = State.READING_HEAD if self._requests.in_head else State.IDLE
            self._enter(next_state if complete else State.DISCARDING)
            self.flow.resume_reading()

    def response_aborted(self) -> None:
        """Close in the middle of a response: nothing else shows the client that it is incomplete."""
        if self.flow.write_paused:
            self.transport.abort()
        else:
            self._close()

    # Transitions

    def _enter(self, state: State) -> None:
        """Change the state. Raises IllegalTransition, after aborting, for a transition that is not in the table."""
        if state not in TRANSITIONS[self.state]:
            self.transport.abort()
            raise IllegalTransition(self.state, state)
        self.state = state
        if not self.flow.write_paused or state is State.LINGERING or state is State.CLOSING:
            self.due = self.loop.time() + self._seconds[state]

    def _limit_to(self, seconds: float) -> None:
        self.due = self.loop.time() + seconds

    def _run(self, cycle: RequestCycle) -> None:
        self._current = cycle
        # uvicorn has a type of its own for ASGI applications.
        cycle.task = self.loop.create_task(cycle.run(cast("ASGIApp", self.app)))
        self.tasks.add(cycle.task)

    def _refuse(self, error: RequestRefused) -> None:
        """Answer `error` after the requests before it, and close."""
        last = self._last
        if self.state is State.DISCARDING:
            # The request is answered: a client would take a second response for that of its next request.
            self._finish(client_sends=True)
            return
        if self.state is State.DRAINING and last is not None and last.body.complete:
            return
        self._refusal = error
        if last is not None and not last.body.complete:
            # The body of the last request is malformed.
            last.disconnect()
            if last is not self._current:
                self._pipeline.remove(last)
            elif last.response is STARTED:
                self.response_aborted()
                return
            else:
                self._current = None
        if self._current is None:
            self._send_refusal(error)
        else:
            self._enter(State.REFUSING)

    def _send_refusal(self, error: RequestRefused) -> None:
        response = self._peers.error_responses.response(error, self._requests.fields)
        with_body = not self._requests.is_head
        self.output.write(closing_response(response, self.server_state.default_headers, with_body=with_body))
        self._finish(client_sends=True)

    def _finish(self, *, client_sends: bool) -> None:
        """Close; first give a client that may still be sending the time to read the response."""
        self._pipeline.clear()
        if not client_sends or not self.transport.can_write_eof():
            self._close()
            return
        self._enter(State.LINGERING)
        self.output.write_end()
        self.flow.resume_reading()

    def _close(self) -> None:
        """Close once everything is sent."""
        if self.state is not State.CLOSING:
            self._enter(State.CLOSING)
            self.output.close()

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.abort()
