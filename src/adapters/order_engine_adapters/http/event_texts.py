"""Server-sent events as text (WHATWG HTML, section 9.2), and the ids that they carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from starlette.types import Scope

from order_engine.domain.events import Event, fingerprint
from order_engine.wire import told_event_json
from order_engine_adapters.http.errors import InvalidHeader
from order_engine_adapters.http.requests import header_values

EVENT_STREAM: Final = b"text/event-stream"
RETRY: Final = b"retry: 2000\n\n"
"""How long a client waits before it connects again, in milliseconds."""
HEARTBEAT: Final = b":\n\n"
DRAINING: Final = b": the service is draining; connect again to go on\n\n"
INTERRUPTED: Final = b": the stream cannot go on here; connect again to go on\n\n"
DROPPED: Final = (
    b"event: dropped\n"
    b'data: {"reason":"The events came faster than they were read. Connect again to go on after the last one read."}'
    b"\n\n"
)
CHUNK_BYTES: Final = 16 * 1024
"""So much is written at once: what a client does not read is kept by the server, up to a few of these."""
VISIBLE: Final = re.compile(r"[!-~]+")
ORDER_EVENT_ID: Final = re.compile("([1-9][0-9]{0,8})-([0-9a-f]{16})")


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
        return cls(event.version, fingerprint(event))


BEGINNING: Final = Position(0, "")


def event_text(event: Event, event_id: str | Position) -> bytes:
    """Return one event, with the id to go on from."""
    return f"id: {event_id}\nevent: {event.type}\ndata: {told_event_json(event)}\n\n".encode()


def place_text(event_id: str) -> bytes:
    """Return an id without an event: a client that is cut off before the first event goes on from here."""
    return f"id: {event_id}\n\n".encode()


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


def last_event_id(scope: Scope) -> str | None:
    """Return the Last-Event-ID; None where there is none, or an empty one. Raises InvalidHeader."""
    given = header_values(scope, b"last-event-id")
    text = given[0].decode("latin-1").strip(" \t") if given else ""
    if len(given) > 1 or (text and not VISIBLE.fullmatch(text)):
        raise foreign_id()
    return text or None


def last_position(scope: Scope) -> Position:
    """Return the position that the Last-Event-ID of one order's events names; BEGINNING where there is none."""
    text = last_event_id(scope)
    if text is None:
        return BEGINNING
    match = ORDER_EVENT_ID.fullmatch(text)
    if match is None:
        raise foreign_id()
    return Position(int(match[1]), match[2])


def foreign_id() -> InvalidHeader:
    """Return the error for an id that no event here has."""
    return InvalidHeader(
        "The Last-Event-ID is none of this stream's, or of a history that was left by a restore or a fail-over. "
        "Connect without one."
    )
