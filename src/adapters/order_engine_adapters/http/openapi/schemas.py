"""The schemas of what goes in and comes out, by the limits that a running service keeps."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from order_engine.application.life import Readiness
from order_engine.domain.commands import CLIENT_ACTIONS
from order_engine.domain.events import EventType
from order_engine.domain.limits import ContentLimits
from order_engine.domain.order import Status
from order_engine.domain.text import LONGEST_REASON
from order_engine.wire.intake import REQUIRED
from order_engine.wire.problems import MOST_ERRORS, TYPE_PREFIX
from order_engine_adapters.http.openapi import patterns
from order_engine_adapters.http.openapi.problems import known_problems

Schema: TypeAlias = dict[str, Any]

COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
TRACED: Final[Mapping[str, Schema]] = {
    "traceparent": {
        "type": "string",
        "pattern": patterns.TRACE_PARENT,
        "description": "W3C Trace Context: of the request that placed the order; absent where it had no valid one.",
    }
}
"""What an order has only where its request had a trace."""


def reference(name: str) -> Schema:
    """Return a reference to the schema `name`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(limits: ContentLimits) -> Mapping[str, Schema]:
    """Return every schema by its name."""
    return {**_values(limits), **_orders(limits), **_events(), **_answers(), **_problems()}


def _object(properties: Mapping[str, Schema], *, required: tuple[str, ...] | None = None, **more: object) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
        "additionalProperties": False,
        **more,
    }


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _values(limits: ContentLimits) -> Mapping[str, Schema]:
    identifier: Schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": limits.identifier_characters,
        "pattern": patterns.IDENTIFIER,
    }
    return {
        "Identifier": {
            **identifier,
            "not": {"pattern": patterns.NO_IDENTIFIER},
            "description": "Letters, marks, numbers, punctuation, symbols and, inside, the space and the joiners "
            "U+200C and U+200D. Case counts.",
        },
        "OrderId": {
            **identifier,
            "not": {"pattern": patterns.NO_ORDER_ID},
            "description": 'An identifier without "/" that is not "." or "..": a URL path must carry it back.',
        },
        "Amount": _amount(limits),
        "AmountText": {
            "type": "string",
            "pattern": patterns.AMOUNT_TEXT,
            "description": "An amount, exact, in plain notation with two decimals or as many as it needs.",
        },
        "Currency": {"type": "string", "pattern": patterns.CURRENCY, "description": "As in ISO 4217."},
        "Attributes": _attributes(limits),
        "Time": {
            "type": "string",
            "format": "date-time",
            "pattern": patterns.TIME,
            "description": "RFC 3339, in UTC, with microseconds.",
        },
        "Status": {"type": "string", "enum": list(Status), "description": "Where an order stands."},
        "EventType": {"type": "string", "enum": list(EventType), "description": "What happened to an order."},
        "Version": {"type": "integer", "minimum": 1, "description": "One more with every event, from 1 on."},
    }


def _attributes(limits: ContentLimits) -> Schema:
    value = {"$ref": "#/components/schemas/Attributes/$defs/Value"}
    members: Schema = {"propertyNames": {"pattern": patterns.NO_NUL}, "patternProperties": {patterns.NO_NUL: value}}
    return {
        "type": "object",
        # Any JSON, in the words that generators of clients understand: schemas that hold themselves stop several. They
        # pass over the rest, which a validator reads.
        "additionalProperties": True,
        **members,
        "$defs": {
            "Value": {
                "anyOf": [
                    {"type": ["null", "boolean", "number"]},
                    {"type": "string", "pattern": patterns.NO_NUL},
                    {"type": "array", "items": value},
                    {"type": "object", **members},
                ]
            }
        },
        "description": f"Any JSON object for the processor, of up to {limits.attributes_bytes} bytes as compact "
        f"JSON; its numbers keep their digits. No text in it holds U+0000, and the order, whose object is level 1, "
        f"is nested over {limits.nesting} levels at most.",
    }


def _amount(limits: ContentLimits) -> Schema:
    maximum = int(limits.amount_maximum)
    decimals = f"no more than {limits.amount_decimals} decimals, trailing zeros aside"
    number = {
        "type": "number",
        "minimum": 0,
        "maximum": maximum,
        "multipleOf": float(Decimal(1).scaleb(-limits.amount_decimals)),
        "description": f"Read to its last digit; {decimals}. Some validators divide in binary floats and then refuse "
        "what is a multiple: as a text, every amount passes all of them.",
    }
    text = {
        "type": "string",
        "pattern": patterns.amount(limits),
        "maxLength": limits.number_characters,
        "description": f"A number as JSON writes one; {decimals}. Exponents are read as well.",
    }
    return {"anyOf": [text, number], "description": f"0 to {maximum}, exact."}


def _orders(limits: ContentLimits) -> Mapping[str, Schema]:
    items = {"type": "array", "items": reference("Identifier"), "maxItems": limits.items}
    new: Mapping[str, Schema] = {
        "order_id": _or_null(reference("OrderId")) | {"description": "Made by the server where it is absent."},
        "user_id": reference("Identifier"),
        "item_ids": {**items, "description": "Repeats are allowed; the order counts. Empty for a gift card or a fee."},
        "total_amount": reference("Amount"),
        "currency": _or_null({"type": "string", "pattern": patterns.NEW_CURRENCY})
        | {"description": "As in ISO 4217; kept in upper case."},
        "attributes": _or_null(reference("Attributes")),
    }
    kept: Mapping[str, Schema] = {
        "order_id": reference("OrderId"),
        "user_id": reference("Identifier"),
        "item_ids": {"type": "array", "items": reference("Identifier")},
        "total_amount": reference("AmountText"),
        "currency": _or_null(reference("Currency")),
        "attributes": _or_null(reference("Attributes")),
        "status": reference("Status"),
        "version": reference("Version"),
        "attempts": {**COUNT, "description": "Claims in this round, less releases."},
        "created_at": reference("Time"),
        "processing_started_at": _or_null(reference("Time")) | {"description": "The first claim of this round."},
        "ended_at": _or_null(reference("Time")),
        "failure": {
            "type": ["string", "null"],
            "maxLength": LONGEST_REASON,
            "description": "Why the order is Failed, or why its last attempt failed.",
        },
    }
    return {
        "NewOrder": _object(new, required=REQUIRED, description="An order as a client places it. Null is absent."),
        "Order": _object({**kept, **TRACED}, required=tuple(kept), description="What was placed, and how it stands."),
        "OrderPage": _object(
            {
                "orders": {"type": "array", "items": reference("Order")},
                "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."},
            }
        ),
    }


def _events() -> Mapping[str, Schema]:
    event: Mapping[str, Schema] = {
        "version": reference("Version"),
        "type": reference("EventType"),
        "status": reference("Status") | {"description": "The status after the event."},
        "at": reference("Time"),
        "token": {"type": "integer", "minimum": 1, "description": "The attempt's fencing token."},
        "attempt": {"type": "integer", "minimum": 1, "description": "The number of the attempt in its round."},
        "reason": {"type": "string", "maxLength": LONGEST_REASON},
    }
    always = ("version", "type", "status", "at")
    return {
        "Event": _object(event, required=always, description="One entry of an order's history."),
        "StreamedEvent": _object(
            {"order_id": reference("OrderId"), **event},
            required=("order_id", *always),
            description="One entry of an order's history, and whose it is.",
        ),
        "ServerSentEvent": _object(
            {
                "id": {"type": "string", "description": "A cursor, for `Last-Event-ID`."},
                "event": {
                    "type": "string",
                    "description": "What happened to an order; `ready` for the first event of a stream, `dropped` for "
                    "the last one of a stream that was read too slowly.",
                },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "description": "What happened to an order: a StreamedEvent. Of `ready` and `dropped`: an object.",
                },
                "retry": {"type": "integer", "description": "Milliseconds to wait before connecting again."},
            },
            required=("event", "data"),
            description="Each event of the stream.",
        ),
        "History": _object({"events": {"type": "array", "items": reference("Event")}}),
    }


def _answers() -> Mapping[str, Schema]:
    message: Schema = {"type": "string", "const": "Order created successfully"}
    return {
        "Created": _object(
            {
                "message": message,
                "order_id": reference("OrderId") | {"description": "Where the server made it."},
            },
            required=("message",),
        ),
        "OrderStatus": _object({"status": reference("Status")}),
        "BatchAnswer": _object(
            {
                "order_id": {"type": ["string", "null"], "description": "As it was sent; null where it was not read."},
                "code": {"type": "integer", "description": "The status that POST /orders would have answered."},
                "replayed": {"type": "boolean"},
                "problem": _or_null(reference("Problem")),
            }
        ),
        "Statistics": _object(
            {
                "total_orders": {**COUNT, "description": "Orders ever placed."},
                "average_processing_time": {
                    "type": "number",
                    "minimum": 0,
                    "description": "Mean seconds from `processing_started_at` to `ended_at` over Completed orders; "
                    "0 before the first.",
                },
                "status_counts": _object(dict.fromkeys(Status, COUNT)),
            }
        ),
        "Alive": _object({"status": {"const": "alive"}}),
        "Ready": _object(
            {
                "status": {"const": "ready"},
                "limited_by": {"const": "renewals"},
                "orders_at_once": {"type": "integer", "minimum": 1},
            },
            required=("status",),
        ),
    }


def _problems() -> Mapping[str, Schema]:
    known = known_problems()
    field: Mapping[str, Schema] = {
        "pointer": {"type": "string", "description": "A JSON Pointer (RFC 6901) to the wrong value."},
        "detail": {"type": "string"},
    }
    members: Mapping[str, Schema] = {
        "type": {"type": "string", "format": "uri", "enum": [TYPE_PREFIX + problem.code for problem in known]},
        "title": {"type": "string"},
        "status": {"type": "integer", "enum": sorted({problem.status for problem in known})},
        "detail": {"type": "string", "description": "What was wrong this time."},
        "code": {"type": "string", "enum": [problem.code for problem in known]},
        "errors": {"type": "array", "maxItems": MOST_ERRORS, "items": _object(field)},
        "order_status": reference("Status") | {"description": "How the order stands whose action was refused."},
        "request_id": {"type": "string", "description": "The name of the request, as in `X-Request-ID`."},
        "state": {
            "type": "string",
            "enum": [state for state in Readiness if state is not Readiness.READY],
            "description": "Of `/readyz`: why no orders can be placed.",
        },
        "allowed": {"type": "array", "items": {"type": "string", "enum": list(CLIENT_ACTIONS)}},
    }
    return {
        "Problem": {
            **_object(members, required=("type", "title", "status", "detail", "code")),
            # RFC 9457, section 3.2: a client has to admit members that it does not know.
            "additionalProperties": True,
            "description": "A problem document (RFC 9457). `type` and `code` stay the same; sentences may improve.",
        }
    }
