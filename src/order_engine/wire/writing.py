"""Conversion of orders, events and metrics to compact JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from order_engine.application.list_cursor import OrderList
from order_engine.domain.content.money import amount_text
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def time_text(at: datetime) -> str:
    """Format a time as in RFC 3339: UTC, with microseconds."""
    # `isoformat` writes the offset of UTC as +00:00.
    return f"{at.isoformat(timespec='microseconds')[:-6]}Z"


def order_json(order: Order) -> str:
    """Convert an order: its content, and its state; `traceparent` only if it has one."""
    content = _encode(
        {
            "order_id": order.order_id,
            "user_id": order.user_id,
            "item_ids": order.item_ids,
            "total_amount": amount_text(order.total_amount),
            "currency": order.currency,
        }
    )
    state: dict[str, object] = {
        "status": order.status,
        "version": order.version,
        "attempts": order.attempts,
        "created_at": time_text(order.created_at),
        "processing_started_at": _time_or_none(order.processing_started_at),
        "ended_at": _time_or_none(order.ended_at),
        "failure": order.failure,
    }
    if order.trace_parent is not None:
        state["traceparent"] = order.trace_parent
    # The attributes are already exact JSON: do not parse and encode them again.
    attributes = order.attributes.text if order.attributes is not None else "null"
    return f'{content[:-1]},"attributes":{attributes},{_encode(state)[1:]}'


def orders_json(page: OrderList) -> str:
    """Convert one page of orders and the cursor of the next page."""
    return page_json(map(order_json, page), page.next)


def page_json(orders: Iterable[str], cursor: str | None) -> str:
    """Convert one page of orders that are encoded already."""
    return f'{{"orders":[{",".join(orders)}],"next":{_encode(cursor)}}}'


def event_json(event: Event) -> str:
    """Convert one event of an order's history, without the order id; absent fields are omitted."""
    fields: dict[str, object] = {
        "version": event.version,
        "type": event.type,
        "status": event.status,
        "at": time_text(event.at),
    }
    fields |= {name: value for name in ("token", "attempt", "reason") if (value := getattr(event, name)) is not None}
    return _encode(fields)


def stream_event_json(event: Event) -> str:
    """Convert one event of the event stream, with the order id."""
    return f'{{"order_id":{_encode(event.order_id)},{event_json(event)[1:]}'


def history_json(events: Iterable[Event]) -> str:
    """Convert the history of one order."""
    return f'{{"events":[{",".join(map(event_json, events))}]}}'


def metrics_json(statistics: Statistics) -> str:
    """Convert the metrics."""
    return _encode(
        {
            "total_orders": statistics.total_orders,
            "average_processing_time": statistics.average_processing_time,
            "status_counts": dict(statistics.status_counts),
        }
    )


def _time_or_none(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)
