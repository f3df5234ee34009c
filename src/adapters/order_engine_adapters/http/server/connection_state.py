"""The states of a connection, and the transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import Final

from order_engine_adapters.http.limits import ConnectionLimits

LINGER_SECONDS: Final = 2.0
"""Time that a client has to read the last response before its connection is closed and could lose it."""


class ConnectionState(StrEnum):
    """What a connection is doing. `docs/explanation/http-server.md` describes each state."""

    NEW = "new"
    READING_HEAD = "reading head"
    ANSWERING = "answering"
    DRAINING = "draining"
    HALF_CLOSED = "half-closed"
    REFUSING = "refusing"
    DISCARDING = "discarding"
    IDLE = "idle"
    LINGERING = "lingering"
    CLOSING = "closing"
    CLOSED = "closed"


NEW, READING_HEAD, ANSWERING, DRAINING, HALF_CLOSED, REFUSING, DISCARDING, IDLE, LINGERING, CLOSING, CLOSED = (
    ConnectionState
)

TRANSITIONS: Final[Mapping[ConnectionState, frozenset[ConnectionState]]] = {
    NEW: frozenset({READING_HEAD, ANSWERING, LINGERING, CLOSING, CLOSED}),
    READING_HEAD: frozenset({ANSWERING, LINGERING, CLOSING, CLOSED}),
    ANSWERING: frozenset({DRAINING, HALF_CLOSED, REFUSING, DISCARDING, IDLE, READING_HEAD, LINGERING, CLOSING, CLOSED}),
    DRAINING: frozenset({REFUSING, LINGERING, CLOSING, CLOSED}),
    HALF_CLOSED: frozenset({DRAINING, CLOSING, CLOSED}),
    REFUSING: frozenset({LINGERING, CLOSING, CLOSED}),
    DISCARDING: frozenset({IDLE, LINGERING, CLOSING, CLOSED}),
    IDLE: frozenset({READING_HEAD, ANSWERING, LINGERING, CLOSING, CLOSED}),
    LINGERING: frozenset({CLOSING, CLOSED}),
    CLOSING: frozenset({CLOSED}),
    CLOSED: frozenset(),
}
"""The states that may follow each state."""

IGNORES_INPUT: Final = frozenset({REFUSING, LINGERING, CLOSING})
"""What the client sends in these states is read and discarded."""


def seconds_by_state(limits: ConnectionLimits) -> Mapping[ConnectionState, float]:
    """Return how long a connection may stay in each state; infinite while the application is at work."""
    return {
        NEW: limits.head_seconds,
        READING_HEAD: limits.head_seconds,
        ANSWERING: inf,
        DRAINING: inf,
        HALF_CLOSED: inf,
        REFUSING: inf,
        DISCARDING: limits.silence_seconds,
        IDLE: limits.keep_alive_seconds,
        LINGERING: LINGER_SECONDS,
        CLOSING: limits.silence_seconds,
        CLOSED: inf,
    }


class IllegalTransition(RuntimeError):
    """A defect of the server: a state was entered that may not follow the current one."""

    def __init__(self, before: ConnectionState, after: ConnectionState) -> None:
        """Name both states."""
        super().__init__(f"Illegal transition of an HTTP connection: {before} to {after}.")
