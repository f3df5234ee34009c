"""Comparison of the service's orders with the responses to clients: nothing lost, nothing duplicated, all legal."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from order_engine import ContentLimits
from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.model.laws import check_history
from order_engine.domain.commands import Placement
from order_engine.domain.content.validation import validate
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import fold_statistics
from order_engine.domain.order import Status
from order_engine.domain.replay import replay
from order_engine.wire import metrics_json, order_json, read_order
from tests.integration.conversation import Request, ask_all
from tests.integration.service import ask, wait_until

PAGE = 1000
CONNECTIONS = 4
UNAVAILABLE = 503
CHUNK = 5000
"""Orders that are asked for within one time limit, however many there are in all."""
LIMITS = ContentLimits()
UNFAILED = frozenset({EventType.PLACED, EventType.CLAIMED, EventType.RELEASED, EventType.COMPLETED})


@dataclass(frozen=True)
class Findings:
    """What was looked through without a complaint."""

    orders: int
    claims: int
    """Attempts that were begun; more than orders where some were taken over from the dead."""
    histories: Mapping[str, Sequence[Event]]


async def inspect(address: str, posted: Mapping[str, bytes]) -> Findings:
    """Check that exactly the posted orders are there, equal and Completed, each by a legal history, and the metrics.

    Raises AssertionError.
    """
    listed = listed_ids(address)
    expect_same_orders(listed, posted)
    histories: dict[str, Sequence[Event]] = {}
    remaining = iter(posted.items())
    while some := dict(islice(remaining, CHUNK)):
        histories |= await _inspect_each(address, some)
    events = [event for history in histories.values() for event in history]
    statistics = fold_statistics(events)
    expect_equal(ask(address, "GET", "/metrics").body, metrics_json(statistics), "the metrics, folded from history")
    claims = sum(event.type is EventType.CLAIMED for event in events)
    return Findings(len(listed), claims, histories)


async def _inspect_each(address: str, posted: Mapping[str, bytes]) -> Mapping[str, Sequence[Event]]:
    """Check each of these orders with its history, and return the histories."""
    orders = await ask_all(address, [Request("GET", f"/orders/{each}") for each in posted], CONNECTIONS)
    told = await ask_all(address, [Request("GET", f"/orders/{each}/history") for each in posted], CONNECTIONS)
    histories = {
        order_id: [_event(order_id, event) for event in answer.json()["events"]]
        for order_id, answer in zip(posted, told, strict=True)
    }
    for (order_id, body), order in zip(posted.items(), orders, strict=True):
        check_completed_order(_placement(body), histories[order_id], order.body)
    return histories


def expect_no_failures(histories: Mapping[str, Sequence[Event]]) -> None:
    """Check that no attempt at these orders failed."""
    for order_id, history in histories.items():
        expect({event.type for event in history} <= UNFAILED, f"no attempt at {order_id!r} failed: {_story(history)}")


def expect_nothing_counted(histories: Mapping[str, Sequence[Event]]) -> None:
    """Check that each of these orders was completed in the first attempt that counts: none failed, none vanished."""
    expect_no_failures(histories)
    for order_id, history in histories.items():
        expect_equal(history[-1].attempt, 1, f"the attempts that count at {order_id!r}: {_story(history)}")


def counted(histories: Mapping[str, Sequence[Event]]) -> int:
    """Return how many of these orders have an attempt that counts beside the one that completed them."""
    return sum(history[-1].attempt != 1 for history in histories.values())


def expect_same_orders(listed: Sequence[str], posted: Collection[str]) -> None:
    """Check that the listed orders are the posted ones, each once."""
    expect(len(set(listed)) == len(listed), "no order is listed twice")
    missing, strange = set(posted) - set(listed), set(listed) - set(posted)
    expect(not missing, f"every acknowledged order is there (P1); lost: {len(missing)}, such as {sorted(missing)[:5]}")
    expect(not strange, f"nothing is there that nobody posted; strange: {sorted(strange)[:5]}")


def check_completed_order(placement: Placement, history: Sequence[Event], told: str) -> None:
    """Check that an order is Completed once, with a legal history that replays to its state."""
    check_history(history)
    ends = [event.type for event in history if event.status.ended]
    expect_equal(ends, [EventType.COMPLETED], f"the ends of {placement.order_id!r}")
    expect_equal(told, order_json(replay(placement, history)), f"the order {placement.order_id!r}")


def listed_ids(address: str) -> Sequence[str]:
    """Return the ids of all orders, as the pages list them."""
    found: list[str] = []
    path = f"/orders?limit={PAGE}"
    following: str | None = path
    while following is not None:
        page = ask(address, "GET", following).json()
        found += [order["order_id"] for order in page["orders"]]
        following = f"{path}&cursor={page['next']}" if page["next"] is not None else None
    return found


def wait_completed(address: str, seconds: float) -> None:
    """Wait until no order is Pending or Processing. The counts are unknown while the repository is unavailable."""

    def all_have_ended() -> bool:
        answer = ask(address, "GET", "/metrics")
        if answer.status == UNAVAILABLE:
            return False
        counts = answer.json()["status_counts"]
        return not counts[Status.PENDING] and not counts[Status.PROCESSING]

    wait_until(all_have_ended, seconds, "all orders have ended")


def counts_of(address: str) -> Mapping[str, int]:
    """Return how many orders there are in each status."""
    counts: Mapping[str, int] = ask(address, "GET", "/metrics").json()["status_counts"]
    return counts


def body_of(order_id: str) -> bytes:
    """Return the body of a small order."""
    return json.dumps({"order_id": order_id, "user_id": "user", "item_ids": ["item"], "total_amount": "1.00"}).encode()


def _story(history: Sequence[Event]) -> str:
    return ", ".join(event.type for event in history)


def _placement(body: bytes) -> Placement:
    return validate(read_order(body, LIMITS), "made", LIMITS)


def _event(order_id: str, event: Mapping[str, Any]) -> Event:
    return Event(
        order_id=order_id,
        version=event["version"],
        type=EventType(event["type"]),
        status=Status(event["status"]),
        at=datetime.fromisoformat(event["at"]),
        token=event.get("token"),
        attempt=event.get("attempt"),
        reason=event.get("reason"),
    )
