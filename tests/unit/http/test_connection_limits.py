"""The limits of open connections."""

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
        """Fail: it has no deadline."""
        raise AssertionError


@pytest.fixture
def loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers never run."""
    made = asyncio.new_event_loop()
    made.close()
    made.call_later = lambda *_: None  # type: ignore[method-assign,assignment]
    return made


def test_refused_connections_count_towards_no_limit(loop: asyncio.AbstractEventLoop) -> None:
    """They are open until their clients have read the refusal, while new connections are accepted."""
    peers = OpenConnections(ConnectionLimits(connections=1))
    first, second, third = Idle(), Idle(), Idle()
    assert peers.add(first, HERE, loop) is None
    assert isinstance(peers.add(second, HERE, loop), ConnectionsExhausted)
    peers.remove(first)
    assert peers.add(third, HERE, loop) is None
    peers.remove(second)
    assert isinstance(peers.add(first, HERE, loop), ConnectionsExhausted)


def test_an_address_has_its_own_limit(loop: asyncio.AbstractEventLoop) -> None:
    """It does not apply to other addresses, nor to connections without one."""
    peers = OpenConnections(ConnectionLimits(connections_per_address=1))
    first, second = Idle(), Idle()
    assert peers.add(first, HERE, loop) is None
    assert isinstance(peers.add(second, HERE, loop), TooManyConnections)
    assert peers.add(Idle(), THERE, loop) is None
    assert [peers.add(Idle(), None, loop) for _ in range(3)] == [None] * 3
    peers.remove(first)
    assert peers.add(Idle(), HERE, loop) is None


def test_refusals_at_once_are_limited(loop: asyncio.AbstractEventLoop) -> None:
    """Further connections are aborted without a response."""
    peers = OpenConnections(ConnectionLimits(connections=1))
    peers.add(Idle(), HERE, loop)
    refused = [peers.add(Idle(), HERE, loop) for _ in range(1000) if not peers.too_many_refused]
    assert 100 < len(refused) < 1000
