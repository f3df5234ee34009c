"""Operations on orders."""

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
    """Return links to operations on the order that an expression identifies."""
    suffix = "ThatWasGivenAnId" if made else ""
    return {
        f"{name}{suffix}": {"operationId": name, "parameters": {"order_id": order_id}}
        for name in ("getOrder", "getOrderStatus", "getOrderHistory", "cancelOrder", "redriveOrder")
    }


_PLACED: Final[Schema] = {
    "description": "The order is stored. If it already existed, the same response marked as replayed.",
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
        description="Places an order exactly once, however often the request is sent. If a request may not have "
        "arrived, send it again: the same `order_id` (or `Idempotency-Key`) with the same content returns the first "
        "response.",
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
        description="Returns a page of orders, newest first. `next` and the `Link` field lead to the next page. A page "
        "of large orders may contain fewer than `limit` orders, but at least one. Only the last page has no `next`. "
        "Unknown or repeated query parameters return 422.",
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
        description="Takes newline-delimited JSON or a JSON array of orders. Returns one result for each order, in "
        "order and in the same format, and a last item with the counts. An invalid element fails alone; only a body "
        "that is not an array is refused as a whole. Give every order an `order_id`, so that the batch can be retried. "
        "`Idempotency-Key` is not supported. The response begins when the body is complete, or while orders are still "
        "arriving with `Prefer: stream`.",
        parameters=("Prefer",),
        body={
            "required": True,
            "content": {
                JSON_TYPE: {
                    "schema": {
                        "type": "array",
                        "items": reference("OrderPlacement"),
                        "description": "An invalid element fails alone.",
                    },
                    "example": [examples.NEW],
                },
                NDJSON_TYPE: {
                    "schema": {
                        "type": "string",
                        "description": f"One OrderPlacement as JSON per line:\n\n{examples.BATCH}",
                    }
                },
            },
        },
        answers={
            200: other_answer(
                "One result for each order, with its `code`, and a last item with the counts.",
                {
                    JSON_TYPE: {
                        "schema": {"type": "array", "items": reference("BatchItem")},
                        "example": examples.BATCH_ANSWERS,
                    },
                    NDJSON_TYPE: text_content(
                        "One BatchAnswer as JSON per line, and a BatchSummary in the last line.",
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
        description="Reads the order with the id `batch`.",
        parameters=("IfMatch", "IfNoneMatch"),
        answers={200: _ONE, 304: empty_answer("The order has not changed.", "ETag")},
        refusals=("invalid_header", "version_mismatch", *READING_ONE),
    ),
    ("/orders/{order_id}", "GET"): Operation(
        name="getOrder",
        tag=TAG,
        summary="Read an order",
        description="Returns the placed fields and the current state of an order.",
        parameters=("OrderInPath", "IfMatch", "IfNoneMatch"),
        answers={200: _ONE, 304: empty_answer("The order has not changed.", "ETag")},
        refusals=("invalid_header", "version_mismatch", *ABOUT_ONE),
    ),
    ("/orders/{order_id}/status", "GET"): Operation(
        name="getOrderStatus",
        tag=TAG,
        summary="Read an order's status",
        description="Returns only the status of an order.",
        parameters=("OrderInPath",),
        answers={200: json_answer("The status.", "OrderStatusAnswer", {"status": "Pending"})},
        refusals=ABOUT_ONE,
    ),
    ("/orders/{order_id}/history", "GET"): Operation(
        name="getOrderHistory",
        tag=TAG,
        summary="Read an order's history",
        description="Returns every event of an order, oldest first.",
        parameters=("OrderInPath",),
        answers={200: json_answer("The events.", "OrderHistory", {"events": examples.EVENTS})},
        refusals=ABOUT_ONE,
    ),
    ("/orders/{order_id}/cancel", "POST"): Operation(
        name="cancelOrder",
        tag=TAG,
        summary="Cancel an order",
        description="Cancels an order. A running processor is notified within a third of its lease; if it completes "
        "first, the order is Completed. Cancelling a Cancelled order succeeds and changes nothing.",
        parameters=("OrderInPath", "IfMatch"),
        answers={
            200: json_answer("The order is Cancelled.", "Order", examples.CANCELLED, "ETag"),
            202: json_answer(
                "Cancellation requested. The running processor is being notified.", "Order", examples.STOPPING, "ETag"
            ),
        },
        refusals=("order_busy", *ACTING),
    ),
    ("/orders/{order_id}/redrive", "POST"): Operation(
        name="redriveOrder",
        tag=TAG,
        summary="Redrive a Failed order",
        description="Starts a new round of attempts for a Failed order.",
        parameters=("OrderInPath", "IfMatch"),
        answers={200: json_answer("The order, now Pending.", "Order", examples.REDRIVEN, "ETag")},
        refusals=("order_busy", *ACTING),
    ),
}
