"""Invariants of histories, independent of the model and the table: P2, P3 and P5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from order_engine.contracts.expectations import ContractBroken, expect, expect_equal
from order_engine.domain.commands import Placement
from order_engine.domain.events import STATUS_AFTER, Event, EventType
from order_engine.domain.lifecycle import LIFECYCLE
from order_engine.domain.order import LifecycleState, Order
from order_engine.domain.replay import recorded_state, replay

STATE_AFTER: Mapping[EventType, LifecycleState] = {
    EventType.PLACED: LifecycleState.PENDING,
    EventType.CLAIMED: LifecycleState.LEASED,
    EventType.COMPLETED: LifecycleState.COMPLETED,
    EventType.RETRIED: LifecycleState.WAITING,
    EventType.FAILED: LifecycleState.FAILED,
    EventType.RELEASED: LifecycleState.WAITING,
    EventType.CANCEL_REQUESTED: LifecycleState.LEASED,
    EventType.CANCELLED: LifecycleState.CANCELLED,
    EventType.REDRIVEN: LifecycleState.PENDING,
}
"""State of the order after each type of event."""

_LEGAL_STEPS = {(rule.state, rule.event, rule.becomes) for rule in LIFECYCLE if rule.event is not None}


def check_history(history: Sequence[Event]) -> None:
    """Check all invariants of one order's complete history."""
    check_versions(history)
    check_steps(history)
    check_tokens(history)
    check_ends(history)


def check_versions(history: Sequence[Event]) -> None:
    """Check that versions count from 1 without gaps, times never decrease, and all events are of one order."""
    versions = [event.version for event in history]
    expect_equal(versions, list(range(1, len(history) + 1)), "the versions of a history, which must be contiguous (P3)")
    times = [event.at for event in history]
    expect(times == sorted(times), f"the times of a history must not decrease: {times}")
    expect(len({event.order_id for event in history}) <= 1, f"a history must be of one order only: {history}")


def check_steps(history: Iterable[Event]) -> None:
    """Check that every step is legal, and that every event has the resulting status."""
    state = LifecycleState.ABSENT
    for event in history:
        becomes = STATE_AFTER[event.type]
        expect((state, event.type, becomes) in _LEGAL_STEPS, f"{event} is not a legal step from {state} (P3)")
        expect_equal(event.status, STATUS_AFTER[event.type], f"the status of {event}")
        state = becomes


def check_tokens(history: Iterable[Event]) -> None:
    """Check that tokens increase with every claim, across rounds, and that reports have their claim's token (P2)."""
    last = 0
    for event in history:
        if event.type is EventType.CLAIMED:
            expect((event.token or 0) > last, f"a claim's token must be higher than {last}: {event} (P2)")
            last = event.token or 0
        elif event.token is not None:
            expect_equal(event.token, last, f"the token of {event}, which must be that of the last claim (P2)")


def check_ends(history: Iterable[Event]) -> None:
    """Check that a round ends at most once (P3)."""
    ended = False
    for event in history:
        expect(not (ended and event.status.ended), f"{event} ends a round that has ended before (P3)")
        ended = event.status.ended


def check_replay(placement: Placement, history: Sequence[Event], order: Order) -> None:
    """Check that replaying the history yields the stored order."""
    try:
        replayed = replay(placement, history)
    except ValueError as error:
        message = f"the history of {order.order_id!r} cannot be replayed: {error}"
        raise ContractBroken(message) from error
    expect_equal(replayed, recorded_state(order), f"the order {order.order_id!r} replayed from its history")


class StreamReader:
    """Reads the stream of all events, and checks that each occurs once and each order's in version order (P5)."""

    def __init__(self) -> None:
        """Start before the first event."""
        self.events: list[Event] = []
        self._versions: dict[str, int] = {}

    def read(self, events: Iterable[Event]) -> None:
        """Process the next events."""
        for event in events:
            last = self._versions.get(event.order_id, 0)
            expect_equal(event.version, last + 1, f"the version of the next event of {event.order_id!r} in the stream")
            self._versions[event.order_id] = event.version
            self.events.append(event)

    def histories(self) -> Mapping[str, list[Event]]:
        """Return the events read, by order."""
        histories: dict[str, list[Event]] = {}
        for event in self.events:
            histories.setdefault(event.order_id, []).append(event)
        return histories
