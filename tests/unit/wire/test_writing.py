"""Writing: orders, pages, histories and metrics as compact JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from order_engine.application.list_cursor import OrderList
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order, Status
from order_engine.wire import event_json, history_json, metrics_json, order_json, orders_json, time_text

AT = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)
LATER = AT + timedelta(seconds=90)

PENDING = Order(
    order_id="order1",
    user_id="user1",
    item_ids=("a", "b"),
    total_amount=Decimal("50.00"),
    currency=None,
    attributes=None,
    created_at=AT,
    updated_at=AT,
)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, "2026-03-01T12:30:00.000005Z"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta())), "2026-01-01T00:00:00.000000Z"),
    ],
)
def test_times_are_utc_with_microseconds(at: datetime, text: str) -> None:
    """As RFC 3339 has it; also where they are whole seconds."""
    assert time_text(at) == text


def test_a_pending_order() -> None:
    """Every field is there; what it has not is null."""
    assert order_json(PENDING) == (
        '{"order_id":"order1","user_id":"user1","item_ids":["a","b"],"total_amount":"50.00","currency":null,'
        '"attributes":null,"status":"Pending","version":1,"attempts":0,"created_at":"2026-03-01T12:30:00.000005Z",'
        '"processing_started_at":null,"ended_at":null,"failure":null}'
    )


def test_a_traced_order() -> None:
    """The `traceparent` comes last; an order that has none is written as if there were no such field."""
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert order_json(replace(PENDING, trace_parent=parent)) == (
        f'{order_json(PENDING).removesuffix("}")},"traceparent":"{parent}"}}'
    )


def test_a_failed_order() -> None:
    """Times, attempts and the reason; what goes on inside the engine is not told."""
    order = replace(
        PENDING,
        status=Status.FAILED,
        version=4,
        attempts=2,
        token=7,
        claim_id="secret",
        currency="GBP",
        processing_started_at=AT,
        ended_at=LATER,
        failure='a "quoted"\nreason é',
    )
    told = json.loads(order_json(order))
    assert told["ended_at"] == "2026-03-01T12:31:30.000005Z"
    assert (told["status"], told["version"], told["attempts"], told["currency"]) == ("Failed", 4, 2, "GBP")
    assert told["failure"] == 'a "quoted"\nreason é'
    assert {"token", "claim_id", "lease_ends", "due", "round", "updated_at"}.isdisjoint(told)


@pytest.mark.parametrize("text", ['{"n":1.10,"m":1E+400}', '{"é":"😀\\"","a":[]}', '{"status":"x","order_id":"y"}'])
def test_attributes_are_given_back_as_they_are(text: str) -> None:
    """Not read and written again, which would cost digits."""
    assert f'"attributes":{text},"status":"Pending"' in order_json(replace(PENDING, attributes=Attributes(text)))


@pytest.mark.parametrize(
    ("amount", "text"), [("0.00", "0.00"), ("0.001", "0.001"), ("1000000000000000.00", "1000000000000000.00"),
    ("1E-6", "0.000001")]
)  # fmt: skip
def test_amounts_are_strings_in_plain_notation(amount: str, text: str) -> None:
    """Never a JSON number, which many a reader makes a float of."""
    assert f'"total_amount":"{text}"' in order_json(replace(PENDING, total_amount=Decimal(amount)))


def test_a_page_of_orders() -> None:
    """The same objects, and the cursor of the next page or null."""
    one = order_json(PENDING)
    assert orders_json(OrderList([], None)) == '{"orders":[],"next":null}'
    assert orders_json(OrderList([PENDING], None)) == f'{{"orders":[{one}],"next":null}}'
    assert orders_json(OrderList([PENDING] * 2, "abc")) == f'{{"orders":[{one},{one}],"next":"abc"}}'


def test_an_event_has_what_it_has() -> None:
    """Token, attempt and reason are left out where there are none; the order's id is in the question."""
    placed = Event("order1", 1, EventType.PLACED, Status.PENDING, AT)
    assert event_json(placed) == '{"version":1,"type":"placed","status":"Pending","at":"2026-03-01T12:30:00.000005Z"}'
    failed = Event("order1", 3, EventType.FAILED, Status.FAILED, AT, token=1, attempt=2, reason="")
    assert json.loads(event_json(failed)) == {
        "version": 3,
        "type": "failed",
        "status": "Failed",
        "at": "2026-03-01T12:30:00.000005Z",
        "token": 1,
        "attempt": 2,
        "reason": "",
    }
    assert history_json([]) == '{"events":[]}'
    assert history_json([placed, placed]) == f'{{"events":[{event_json(placed)},{event_json(placed)}]}}'


@pytest.mark.parametrize("kind", EventType)
def test_every_type_of_event_has_its_name(kind: EventType) -> None:
    """The names of the design."""
    assert json.loads(event_json(Event("order1", 1, kind, Status.PENDING, AT)))["type"] == kind.value


def test_metrics() -> None:
    """Three fields, all five statuses, seconds as a number."""
    counts = dict.fromkeys(Status, 0) | {Status.COMPLETED: 4, Status.PENDING: 2}
    assert json.loads(metrics_json(Statistics(6, counts, 10_000_001))) == {
        "total_orders": 6,
        "average_processing_time": 2.50000025,
        "status_counts": {"Pending": 2, "Processing": 0, "Completed": 4, "Failed": 0, "Cancelled": 0},
    }
    assert json.loads(metrics_json(Statistics(0, dict.fromkeys(Status, 0), 0)))["average_processing_time"] == 0
