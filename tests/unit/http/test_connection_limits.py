"""How many connections there may be, and what the ones beyond that cost the others."""

from __future__ import annotations

import asyncio

import pytest

from order_engine_adapters.http.errors import ConnectionsExhausted, TooManyConnections
from order_engine_adapters.http.limits import ConnectionLimits
from order_engine_adapters.http.server.open_connections import NEVER, OpenConnections

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Idle:
    """A connection that does nothing."""

    due = NEVER

    def expire(self) -> None:
        """Never be called: it has no deadline."""
        raise AssertionError


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers never run."""
    made = asyncio.new_event_loop()
    made.close()
    made.call_later = lambda *_: None  # type: ignore[method-assign,assignment]
    return made


def test_those_who_are_sent_away_take_no_place(loop: asyncio.AbstractEventLoop) -> None:
    """They are told why and given time to read it, but whoever comes when a place is free gets it."""
    watch = OpenConnections(ConnectionLimits(connections=1))
    first, second, third = Idle(), Idle(), Idle()
    assert watch.add(first, HERE, loop) is None
    assert isinstance(watch.add(second, HERE, loop), ConnectionsExhausted)
    watch.remove(first)
    assert watch.add(third, HERE, loop) is None
    watch.remove(second)
    assert isinstance(watch.add(first, HERE, loop), ConnectionsExhausted)


def test_an_address_has_its_own_limit(loop: asyncio.AbstractEventLoop) -> None:
    """Another address is not touched by it, nor is who has none."""
    watch = OpenConnections(ConnectionLimits(connections_per_address=1))
    first, second = Idle(), Idle()
    assert watch.add(first, HERE, loop) is None
    assert isinstance(watch.add(second, HERE, loop), TooManyConnections)
    assert watch.add(Idle(), THERE, loop) is None
    assert [watch.add(Idle(), None, loop) for _ in range(3)] == [None] * 3
    watch.remove(first)
    assert watch.add(Idle(), HERE, loop) is None


def test_so_many_cannot_all_be_told(loop: asyncio.AbstractEventLoop) -> None:
    """Beyond that they are cut off without a word."""
    watch = OpenConnections(ConnectionLimits(connections=1))
    watch.add(Idle(), HERE, loop)
    told = [watch.add(Idle(), HERE, loop) for _ in range(1000) if not watch.too_many_refused]
    assert 100 < len(told) < 1000
