"""The operations on orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from order_engine_adapters.http.openapi import examples
from order_engine_adapters.http.openapi.fields import headers
from order_engine_adapters.http.openapi.operation import (
    JSON_TYPE,
    Operation,
    empty_answer,
    json_answer,
    other_answer,
    text_content,
)
from order_engine_adapters.http.openapi.schemas import Schema, reference

TAG: Final = "Orders"
NDJSON_TYPE: Final = "application/x-ndjson"
AWAY: Final = ("not_running", "outcome_unknown", "overloaded", "unavailable")
ASKING: Final = ("not_acceptable", *AWAY)
READING_ONE: Final = ("order_not_found", "invalid_query", *ASKING)
ABOUT_ONE: Final = ("route_not_found", *READING_ONE)
PLACING: Final = (
    "cross_site_request",
    "invalid_header",
    "invalid_query",
    "body_too_large",
    "request_timed_out",
    "unsupported_media_type",
    *ASKING,
)
ACTING: Final = ("cross_site_request", "invalid_header", "action_refused", "version_mismatch", *ABOUT_ONE)

_ONE: Final[Schema] = json_answer("The order.", "Order", examples.COMPLETED, "ETag")


def _links(order_id: str, *, made: bool = False) -> Schema:
    """Return what may be done next with the order that an expression names."""
    suffix = "ThatWasGivenAnId" if made else ""
    return {
        f"{name}{suffix}": {"operationId": name, "parameters": {"order_id": order_id}}
        for name in ("getOrder", "getOrderStatus", "getOrderHistory", "cancelOrder", "redriveOrder")
    }


_PLACED: Final[Schema] = {
    "description": "The order is stored. The same answer, marked as replayed, where it was there already.",
    "headers": dict(headers("Location", "ETag", "IdempotentReplayed", "RequestId")),
    "content": {
        JSON_TYPE: {
            "schema": reference("OrderCreated"),
            "examples": {
                "given_id": {"value": {"message": "Order created successfully"}},
                "made_id": {"value": {"message": "Order created successfully", "order_id": examples.MADE_ID}},
            },
        }
    },
    "links": _links("$request.body#/order_id") | _links("$response.body#/order_id", made=True),
}

ORDER_OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("/orders", "POST"): Operation(
        name="placeOrder",
        tag=TAG,
        summary="Place an order",
        description="Place an order once, however often it is sent. Whoever is not sure that a request arrived sends "
        "it again: the same `order_id` (or `Idempotency-Key`) with the same content gives the first answer.",
        parameters=("IdempotencyKey",),
        body={
            "required": True,
            "content": {
                JSON_TYPE: {
                    "schema": reference("OrderPlacement"),
                    "examples": {
                        "order": {"value": examples.NEW},
                        "with_attributes": {"value": examples.WITH_ATTRIBUTES},
                        "without_id": {"value": examples.WITHOUT_ID},
                    },
                }
            },
        },
        answers={201: _PLACED},
        refusals=(
            "malformed_json",
            "invalid_order",
            "order_conflict",
            "idempotency_key_reused",
            "order_busy",
            "store_refused",
            *PLACING,
        ),
    ),
    ("/orders", "GET"): Operation(
        name="listOrders",
        tag=TAG,
        summary="List orders",
        description="A page of orders, newest first. `next` and the `Link` field lead to the next page. A page of "
        "large orders holds fewer than `limit`, one at least: only the last page has no `next`. A parameter "
        "that is not known, or given twice, is refused.",
        parameters=("StatusFilter", "UserFilter", "PageLimit", "PageCursor"),
        answers={
            200: json_answer(
                "A page of orders.", "OrderPage", {"orders": [examples.COMPLETED], "next": examples.CURSOR}, "Link"
            )
        },
        refusals=("invalid_query", "invalid_cursor", *ASKING),
    ),
    ("/orders/batch", "POST"): Operation(
        name="placeOrders",
        tag=TAG,
        summary="Place many orders",
        description="Newline-delimited JSON or a JSON array of orders in, one answer for each in the same form out, "
        "in order, and a last item that counts them. A bad element fails alone; only a body that is no array at all "
        "is refused as a whole. Every order should have an `order_id`, so that the batch can be sent again; an "
        "`Idempotency-Key` is refused. The answer begins when the body is complete, or with `Prefer: stream` while "
        "orders still come in.",
        parameters=("Prefer",),
        body={
            "required": True,
            "content": {
                JSON_TYPE: {
                    "schema": {
                        "type": "array",
                        "items": reference("OrderPlacement"),
                        "description": "An element that is none fails alone.",
                    },
                    "example": [examples.NEW],
                },
                NDJSON_TYPE: {
                    "schema": {
                        "type": "string",
                        "description": f"One OrderPlacement as JSON in each line:\n\n{examples.BATCH}",
                    }
                },
            },
        },
        answers={
            200: other_answer(
                "An answer for each order, whose `code` says what became of it, and a last item with the counts.",
                {
                    JSON_TYPE: {
                        "schema": {"type": "array", "items": reference("BatchItem")},
                        "example": examples.BATCH_ANSWERS,
                    },
                    NDJSON_TYPE: text_content(
                        "One BatchAnswer as JSON in each line, and a BatchSummary in the last.",
                        examples.BATCH_LINES,
                    ),
                },
                "PreferenceApplied",
            )
        },
        refusals=("malformed_json", "invalid_order", *PLACING),
    ),
    ("/orders/batch", "GET"): Operation(
        name="getOrderCalledBatch",
        tag=TAG,
        summary="Read the order whose id is batch",
        description="An order may have this id too; it is read as every other order.",
        parameters=("IfMatch", "IfNoneMatch"),
        answers={200: _ONE, 304: empty_answer("The order has not changed.", "ETag")},
        refusals=("invalid_header", "version_mismatch", *READING_ONE),
    ),
    ("/orders/{order_id}", "GET"): Operation(
        name="getOrder",
        tag=TAG,
        summary="Read an order",
        description="What was placed, and how it stands.",
        parameters=("OrderInPath", "IfMatch", "IfNoneMatch"),
        answers={200: _ONE, 304: empty_answer("The order has not changed.", "ETag")},
        refusals=("invalid_header", "version_mismatch", *ABOUT_ONE),
    ),
    ("/orders/{order_id}/status", "GET"): Operation(
        name="getOrderStatus",
        tag=TAG,
        summary="Read an order's status",
        description="The status alone.",
        parameters=("OrderInPath",),
        answers={200: json_answer("The status.", "OrderStatusAnswer", {"status": "Pending"})},
        refusals=ABOUT_ONE,
    ),
    ("/orders/{order_id}/history", "GET"): Operation(
        name="getOrderHistory",
        tag=TAG,
        summary="Read an order's history",
        description="Every event of the order, oldest first.",
        parameters=("OrderInPath",),
        answers={200: json_answer("The events.", "OrderHistory", {"events": examples.EVENTS})},
        refusals=ABOUT_ONE,
    ),
    ("/orders/{order_id}/cancel", "POST"): Operation(
        name="cancelOrder",
        tag=TAG,
        summary="Cancel an order",
        description="A processor that is running is told within a third of its lease; whichever ends first wins. "
        "Cancelling a Cancelled order again changes nothing and succeeds.",
        parameters=("OrderInPath", "IfMatch"),
        answers={
            200: json_answer("The order is Cancelled.", "Order", examples.CANCELLED, "ETag"),
            202: json_answer("The running processor is being told.", "Order", examples.STOPPING, "ETag"),
        },
        refusals=("order_busy", *ACTING),
    ),
    ("/orders/{order_id}/redrive", "POST"): Operation(
        name="redriveOrder",
        tag=TAG,
        summary="Redrive a Failed order",
        description="Gives a Failed order a new round of attempts.",
        parameters=("OrderInPath", "IfMatch"),
        answers={200: json_answer("The order, Pending again.", "Order", examples.REDRIVEN, "ETag")},
        refusals=("order_busy", *ACTING),
    ),
}
