"""A client that follows all events over fail-overs, and what it has to have seen of the history that survived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.domain.events import Event, EventType
from tests.integration.event_client import EventClient, event_stream

AGAIN_SECONDS: Final = 0.1
CERTAIN_AFTER: Final = timedelta(seconds=1)
"""Of its first event's time: a transaction with a little later a time may have been committed before a reader began."""
Document = Mapping[str, Any]


@dataclass
class Part:
    """What was seen from one beginning on: by any number of streams, each resumed where the last one ended."""

    last_id: str | None = None
    documents: list[Document] = field(default_factory=list)


class Follower:
    """Follows events until stopped, resumes after the last id, and restarts if that is refused."""

    def __init__(self, address: Callable[[], str]) -> None:
        """Follow at `address`, which may change."""
        self._address = address
        self.parts = [Part()]
        self._open: EventClient | None = None

    def has_seen(self, order_id: str, event_type: str) -> bool:
        """Whether an event has come by the stream that is open."""
        sent = self._open.parser.sent if self._open is not None else ()
        return any(each.type == event_type and each.document()["order_id"] == order_id for each in sent)

    async def follow(self) -> None:
        """Follow until cancelled. Raises AssertionError for an answer that is none of 200, 400 and 503."""
        while True:
            with suppress(OSError, EOFError, ValueError, TimeoutError):
                await self._stream(self.parts[-1])
            await asyncio.sleep(AGAIN_SECONDS)

    async def _stream(self, part: Part) -> None:
        async with event_stream(self._address(), last_event_id=part.last_id) as stream:
            if stream.status == 400:
                expect(part.last_id is not None, "a stream without an id is not refused")
                self.parts.append(Part())
                return
            expect(stream.status in {200, 503}, f"a stream is answered with 200, 400 or 503, not {stream.status}")
            if stream.status == 503:
                return
            self._open = stream
            try:
                while not stream.has_ended:
                    part.last_id = stream.parser.last_id or part.last_id
                    await stream.read()
            finally:
                self._open = None
                part.documents += [each.document() for each in stream.parser.sent]
                part.last_id = stream.parser.last_id or part.last_id


def check_parts(
    parts: Sequence[Part], histories: Mapping[str, Sequence[Event]], lost: set[str], *, by_time: bool
) -> None:
    """Check that each part has each event once and in order, and the last one everything since its beginning.

    Of orders that were lost with a primary a part may tell something that is there no more. Without `by_time` times
    say nothing, since a clock was set back.
    """
    for part in parts:
        for order_id, documents in _by_order(part).items():
            versions = [document["version"] for document in documents]
            expected = list(range(versions[0], versions[0] + len(versions)))
            expect_equal(versions, expected, f"the versions of {order_id!r} that a reader got")
            expect(
                order_id in histories or order_id in lost, f"the order {order_id!r} that a reader was told of is there"
            )
    _check_last(_by_order(parts[-1]), histories, by_time=by_time)


def check_nothing_undone(parts: Sequence[Part], histories: Mapping[str, Sequence[Event]]) -> None:
    """Check that every event that was ever received is in the histories."""
    for part in parts:
        for order_id, documents in _by_order(part).items():
            first = documents[0]["version"] - 1
            there = histories.get(order_id, ())[first : first + len(documents)]
            expect_equal([_told(each) for each in documents], [_of(each) for each in there], f"events of {order_id!r}")


def check_tokens(parts: Sequence[Part], histories: Mapping[str, Sequence[Event]]) -> None:
    """Check that no token was assigned to two claims (P2), including claims that were lost later."""
    claims = {
        (event.order_id, event.token): event.at.astimezone(UTC)
        for history in histories.values()
        for event in history
        if event.type is EventType.CLAIMED
    }
    for part in parts:
        for told in part.documents:
            at = datetime.fromisoformat(told["at"])
            claim = told["order_id"], told.get("token")
            expect(
                told["type"] != EventType.CLAIMED or claims.setdefault(claim, at) == at,
                f"the token {claim[1]} of {claim[0]!r} was given at {at} and at {claims.get(claim)} (P2)",
            )


def _check_last(
    seen: Mapping[str, Sequence[Document]], histories: Mapping[str, Sequence[Event]], *, by_time: bool
) -> None:
    """Check that the rest of the history follows for every order in it, and that no new order is missing."""
    times = [datetime.fromisoformat(document["at"]) for documents in seen.values() for document in documents]
    certain = min(times) + CERTAIN_AFTER if times and by_time else datetime.max.replace(tzinfo=UTC)
    for order_id, history in histories.items():
        told = [_told(each) for each in seen.get(order_id, ())]
        rest = [_of(event) for event in history]
        expect_equal(told, rest[len(rest) - len(told) :], f"what the last part of a reader has of {order_id!r}")
        later = sum(event.at > certain for event in history)
        expect(len(told) >= later, f"a reader missed something of {order_id!r}: it got {told} of {rest}")


def _by_order(part: Part) -> Mapping[str, Sequence[Document]]:
    found: dict[str, list[Document]] = {}
    for document in part.documents:
        found.setdefault(document["order_id"], []).append(document)
    return found


def _told(document: Document) -> tuple[object, ...]:
    return document["version"], document["type"], datetime.fromisoformat(document["at"]), document.get("token")


def _of(event: Event) -> tuple[object, ...]:
    return event.version, event.type.value, event.at, event.token
