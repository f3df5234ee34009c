"""Serialization of server-sent events (WHATWG HTML, section 9.2) and their ids.

Clients deviate from the standard, so the text uses only what all of them parse alike:

- Only an empty line ends an event: httpx-sse, sseclient and fetch-event-source treat one after a comment as an event
  without data. A comment is therefore a single line before the first line of the next event.
- The id is the last line of its event: some clients store an id as soon as they have read its line, and would lose
  the event if the connection broke before its data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from order_engine.domain.events import Event, event_fingerprint
from order_engine.wire import stream_event_json

EVENT_STREAM: Final = b"text/event-stream"
READY: Final = "ready"
"""Type of the first event of every stream."""
RETRY_MILLISECONDS: Final = 2000
"""Delay before a client reconnects."""
HEARTBEAT: Final = b":\n"
DRAINING: Final = b": the service is draining; reconnect to resume\n"
INTERRUPTED: Final = b": the stream was interrupted; reconnect to resume\n"
DROPPED: Final = (
    b"event: dropped\n"
    b'data: {"reason":"The client read more slowly than events arrived. Reconnect to resume after the last event."}'
    b"\n\n"
)
CHUNK_BYTES: Final = 16 * 1024
"""Bytes per write. The server buffers up to a few of these for a client that does not read."""


class Position(NamedTuple):
    """The last event of an order that a client received: its version and its fingerprint.

    After a restore or a promotion, the same version may be another event.
    """

    version: int
    fingerprint: str

    def __str__(self) -> str:
        """Return the event id."""
        return f"{self.version}-{self.fingerprint}"

    @classmethod
    def of(cls, event: Event) -> Position:
        """Return the position after an event."""
        return cls(event.version, event_fingerprint(event))


BEGINNING: Final = Position(0, "0" * 16)
"""The position before the first event."""


def ready_text(event_id: str | Position, *, resumed: bool, heartbeat_seconds: float) -> bytes:
    """Return the first event of a stream, with the id of its start position.

    A client that disconnects before any other event resumes at that position. Some clients keep a partial event of a
    broken connection and prepend it to the next one. It then spoils this event, which carries no data of an order.
    """
    data = f'{{"resumed":{json.dumps(resumed)},"heartbeat_seconds":{heartbeat_seconds:g}}}'
    return f"retry: {RETRY_MILLISECONDS}\nevent: {READY}\ndata: {data}\nid: {event_id}\n\n".encode()


def event_text(event: Event, event_id: str | Position) -> bytes:
    """Return one event with the id to resume from."""
    return f"event: {event.type}\ndata: {stream_event_json(event)}\nid: {event_id}\n\n".encode()


def chunks(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Join events into chunks of about CHUNK_BYTES."""
    waiting: list[bytes] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
