"""One event stream: its heartbeats and its last words."""

from __future__ import annotations

import pytest
from starlette.types import Message

from order_engine_adapters.http.events.event_log import EventLog, ReaderTooSlow
from order_engine_adapters.http.events.stream import Stream, StreamWriter
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits


async def test_a_heartbeat_is_sent_beside_events() -> None:
    """It does not wait for a silence, and comes once for each time that it is due."""
    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message["body"])

    stream = Stream(lambda: True)
    writer = StreamWriter(send, stream, 1.0, RequestTimeLimits())
    for text in (b"one", b"two", b""):
        stream.beat()
        await writer.write(text)
        await writer.write(text)
    assert sent == [b":\none", b"one", b":\ntwo", b"two", b":\n"]


async def test_the_first_reason_to_end_counts() -> None:
    """A client that leaves in the middle of a drain changes nothing."""
    stream = Stream(lambda: True)
    assert stream.last_words is None
    stream.end(b": first\n\n")
    stream.end()
    assert stream.last_words == b": first\n\n"


def test_a_log_keeps_the_latest() -> None:
    """Chunks keep their positions. Reading an evicted one is an error."""
    log = EventLog(10)
    for number in range(6):
        log.append(b"%d..." % number)
    assert log.end == 6
    assert [log.at(position) for position in range(4, 7)] == [b"4...", b"5...", None]
    assert log.has_lost(3)
    with pytest.raises(ReaderTooSlow):
        log.at(3)
    log.append(b"more than all of it")
    assert log.at(6) == b"more than all of it"
    log.clear()
    assert log.end == 7
    assert log.at(7) is None
