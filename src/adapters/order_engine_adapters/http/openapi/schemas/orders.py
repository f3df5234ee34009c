"""Schemas of orders and their events."""

from __future__ import annotations

from collections.abc import Mapping

from order_engine.domain.events import EventType
from order_engine.domain.order import Status
from order_engine_adapters.http.openapi import patterns
from order_engine_adapters.http.openapi.schemas.shapes import (
    COUNT,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    open_set,
    or_null,
    received,
    reference,
)

VERSION: Schema = {**NUMBER, "description": "Starts at 1 and increases by 1 with every event."}


def orders() -> Mapping[str, Schema]:
    """Return these schemas by name."""
    return {
        # An `enum`, because the set of statuses is fixed.
        "OrderStatus": {"type": "string", "enum": list(Status), "description": "The status of an order."},
        "OrderStatusAnswer": received({"status": reference("OrderStatus")}, "The status of an order."),
        "Order": _order(),
        "OrderPage": received(
            {
                "orders": {"type": "array", "items": reference("Order")},
                "next": or_null(TEXT, "The `cursor` of the next page; null on the last."),
            },
            "A page of orders.",
        ),
        **_events(),
    }


def _order() -> Schema:
    members: Mapping[str, Schema] = {
        "order_id": TEXT,
        "user_id": TEXT,
        "item_ids": {"type": "array", "items": TEXT},
        "total_amount": {
            **TEXT,
            "pattern": patterns.AMOUNT_TEXT,
            "description": "Exact, in plain notation, with at least two decimals.",
        },
        "currency": or_null(TEXT, "ISO 4217 code."),
        "attributes": or_null(reference("Attributes")),
        "status": reference("OrderStatus"),
        "version": VERSION,
        "attempts": {**COUNT, "description": "Claims in this round minus releases."},
        "created_at": TIME,
        "processing_started_at": or_null(TIME, "Time of the first claim in this round."),
        "ended_at": or_null(TIME),
        "failure": or_null(TEXT, "Reason why the order is Failed or its last attempt failed."),
        "traceparent": {
            **TEXT,
            "pattern": patterns.TRACE_PARENT,
            "description": "W3C Trace Context of the request that placed the order; absent if it had no valid one.",
        },
    }
    return received(members, "The placed fields and the current state of an order.", optional=["traceparent"])


def _events() -> Mapping[str, Schema]:
    members: Mapping[str, Schema] = {
        "version": VERSION,
        "type": open_set(EventType, "What happened to the order."),
        "status": reference("OrderStatus") | {"description": "The status after the event."},
        "at": TIME,
        "token": {**NUMBER, "description": "The attempt's fencing token."},
        "attempt": {**NUMBER, "description": "The number of the attempt in its round."},
        "reason": TEXT,
    }
    optional = ("token", "attempt", "reason")
    return {
        "OrderEvent": received(members, "One entry of an order's history.", optional=optional),
        "OrderHistory": received(
            {"events": {"type": "array", "items": reference("OrderEvent")}}, "Every event of an order, oldest first."
        ),
        "StreamedEvent": received(
            {"order_id": TEXT, **members},
            "The `data` of a server-sent event: one entry of an order's history with the order id.",
            optional=optional,
        ),
    }
