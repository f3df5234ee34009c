"""The promises as laws over a history, whatever model or table stands behind it: P2, P3 and P5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from order_engine.contracts.expectations import ContractBroken, expect, expect_equal
from order_engine.domain.commands import Placement
from order_engine.domain.events import STATUS_AFTER, Event, EventType
from order_engine.domain.lifecycle import LIFECYCLE
from order_engine.domain.order import LifecycleState, Order
from order_engine.domain.replay import recorded_state, replay

STANDING_AFTER: Mapping[EventType, LifecycleState] = {
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
"""An event contains the order's status after it."""

_LEGAL_STEPS = {(rule.state, rule.event, rule.becomes) for rule in LIFECYCLE if rule.event is not None}


def check_history(history: Sequence[Event]) -> None:
    """Hold one order's whole history to the laws."""
    check_versions(history)
    check_steps(history)
    check_tokens(history)
    check_ends(history)


def check_versions(history: Sequence[Event]) -> None:
    """Check that versions count from 1 without a gap, times never run back, and all events are of one order."""
    versions = [event.version for event in history]
    expect_equal(versions, list(range(1, len(history) + 1)), "the versions of a history, which are contiguous (P3)")
    times = [event.at for event in history]
    expect(times == sorted(times), f"the times of a history never run back; these do: {times}")
    expect(len({event.order_id for event in history}) <= 1, f"a history is of one order; this is not: {history}")


def check_steps(history: Iterable[Event]) -> None:
    """Check that every step is one of the lifecycle's, and every event carries the status it leads to."""
    state = LifecycleState.ABSENT
    for event in history:
        becomes = STANDING_AFTER[event.type]
        expect((state, event.type, becomes) in _LEGAL_STEPS, f"{event} is no legal step from {state} (P3)")
        expect_equal(event.status, STATUS_AFTER[event.type], f"the status in {event}")
        state = becomes


def check_tokens(history: Iterable[Event]) -> None:
    """Check that tokens rise with every claim, over rounds too, and every report names that of its claim (P2)."""
    last = 0
    for event in history:
        if event.type is EventType.CLAIMED:
            expect((event.token or 0) > last, f"a claim's token is higher than any before it, {last}: {event} (P2)")
            last = event.token or 0
        elif event.token is not None:
            expect_equal(event.token, last, f"the token of {event}, which is that of the last claim (P2)")


def check_ends(history: Iterable[Event]) -> None:
    """Check that a round ends once at most (P3)."""
    ended = False
    for event in history:
        expect(not (ended and event.status.ended), f"{event} ends a round that had ended before (P3)")
        ended = event.status.ended


def check_replay(placement: Placement, history: Sequence[Event], order: Order) -> None:
    """Check that the history replays to the order as it is stored."""
    try:
        replayed = replay(placement, history)
    except ValueError as error:
        message = f"the history of {order.order_id!r} replays to the order, but: {error}"
        raise ContractBroken(message) from error
    expect_equal(replayed, recorded_state(order), f"the order {order.order_id!r} replayed from its history")


class StreamReader:
    """Follows the stream of all events, and checks that each comes once and each order's in version order (P5)."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self.events: list[Event] = []
        self._versions: dict[str, int] = {}

    def read(self, events: Iterable[Event]) -> None:
        """Take the next events."""
        for event in events:
            last = self._versions.get(event.order_id, 0)
            expect_equal(event.version, last + 1, f"the version of the next event of {event.order_id!r} in the stream")
            self._versions[event.order_id] = event.version
            self.events.append(event)

    def histories(self) -> Mapping[str, list[Event]]:
        """Return what was read, by order."""
        histories: dict[str, list[Event]] = {}
        for event in self.events:
            histories.setdefault(event.order_id, []).append(event)
        return histories
