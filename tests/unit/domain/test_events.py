"""What tells events from one another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from order_engine.domain.events import STATUS_AFTER, Event, EventType, event_fingerprint

AT = datetime(2026, 1, 1, 12, 0, 0, 123_456, UTC)


def _event() -> Event:
    return Event("order-1", 3, EventType.RETRIED, STATUS_AFTER[EventType.RETRIED], AT, 2, 1, "no stock")


def test_fingerprint_differs_with_every_field() -> None:
    """Events that differ in anything have different fingerprints, most of all those of another time."""
    event = _event()
    others = [
        event._replace(order_id="order-2"),
        event._replace(version=4),
        event._replace(type=EventType.RELEASED),
        event._replace(at=AT + timedelta(microseconds=1)),
        event._replace(token=3),
        event._replace(attempt=2),
        event._replace(reason="no stock "),
        event._replace(reason=None),
    ]
    assert len({event_fingerprint(each) for each in (event, *others)}) == len(others) + 1


def test_fingerprint_is_the_same_everywhere() -> None:
    """It is kept by clients, so it may depend neither on the process nor on the version."""
    assert event_fingerprint(_event()) == event_fingerprint(_event()) == "140e455dde147be5"
    assert len(event_fingerprint(_event()._replace(order_id="\ud800"))) == 16
