"""Server-sent events as text (WHATWG HTML, section 9.2), and the ids that they carry.

Clients differ from the standard, so the text keeps to what all of them read alike:

- An empty line ends an event, and nothing else: httpx-sse, sseclient and fetch-event-source take one behind a comment
  for an event without content. A comment is therefore one line, before the first line of what comes next.
- The id is the last line of its event: some clients keep an id as soon as they have read its line, and a connection
  that breaks before the data would lose the event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from order_engine.domain.events import Event, event_fingerprint
from order_engine.wire import stream_event_json

EVENT_STREAM: Final = b"text/event-stream"
READY: Final = "ready"
"""The type of the first event of every stream."""
RETRY_MILLISECONDS: Final = 2000
"""How long a client waits before it connects again."""
HEARTBEAT: Final = b":\n"
DRAINING: Final = b": the service is draining; reconnect to resume\n"
INTERRUPTED: Final = b": the stream was interrupted; reconnect to resume\n"
DROPPED: Final = (
    b"event: dropped\n"
    b'data: {"reason":"The client read more slowly than events arrived. Reconnect to resume after the last event."}'
    b"\n\n"
)
CHUNK_BYTES: Final = 16 * 1024
"""So much is written at once: what a client does not read is kept by the server, up to a few of these."""


class Position(NamedTuple):
    """The last event of an order that a client has seen: its version, and its fingerprint.

    After a restore or a promotion the same version may be another event.
    """

    version: int
    fingerprint: str

    def __str__(self) -> str:
        """Return the id of the event."""
        return f"{self.version}-{self.fingerprint}"

    @classmethod
    def of(cls, event: Event) -> Position:
        """Return the position behind an event."""
        return cls(event.version, event_fingerprint(event))


BEGINNING: Final = Position(0, "0" * 16)
"""The position before the first event."""


def ready_text(event_id: str | Position, *, resumed: bool, heartbeat_seconds: float) -> bytes:
    """Return the first event of a stream, with the id that the stream begins behind.

    A client that is cut off before any other event comes back to that place. Some clients keep half an event of the
    connection that broke, and join it to the first one of the next: it spoils this event, which nobody misses.
    """
    data = f'{{"resumed":{json.dumps(resumed)},"heartbeat_seconds":{heartbeat_seconds:g}}}'
    return f"retry: {RETRY_MILLISECONDS}\nevent: {READY}\ndata: {data}\nid: {event_id}\n\n".encode()


def event_text(event: Event, event_id: str | Position) -> bytes:
    """Return one event, with the id to go on from."""
    return f"event: {event.type}\ndata: {stream_event_json(event)}\nid: {event_id}\n\n".encode()


def chunks(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Join whole events to chunks that are not much larger than CHUNK_BYTES."""
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
