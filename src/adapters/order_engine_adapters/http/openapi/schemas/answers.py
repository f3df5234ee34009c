"""Schemas of other responses: placements, batches, metrics, health and the document."""

from __future__ import annotations

from collections.abc import Mapping

from order_engine.domain.order import Status
from order_engine_adapters.http.openapi.schemas.shapes import (
    COUNT,
    NUMBER,
    TEXT,
    Schema,
    open_set,
    or_null,
    received,
    reference,
)


def answers() -> Mapping[str, Schema]:
    """Return these schemas by name."""
    return {
        "OrderCreated": received(
            {
                "message": {**TEXT, "description": "`Order created successfully`"},
                "order_id": {**TEXT, "description": "The generated order id, if the request had none."},
            },
            "The order is stored.",
            optional=["order_id"],
        ),
        "BatchAnswer": received(
            {
                "order_id": or_null(TEXT, "The order id as sent; null if it could not be read."),
                "code": {"type": "integer", "description": "The status that POST /orders would have returned."},
                "replayed": {"type": "boolean"},
                "problem": or_null(reference("Problem")),
            },
            "The result of one order of a batch.",
        ),
        "BatchSummary": received(
            {
                "read": COUNT | {"description": "Number of orders read. If fewer than sent, retry the batch."},
                "placed": COUNT,
                "replayed": COUNT,
                "refused": COUNT,
            },
            "The last item of every batch response.",
        ),
        "BatchItem": {
            "anyOf": [reference("BatchAnswer"), reference("BatchSummary")],
            "description": "An item of a batch response.",
        },
        **_metrics(),
        **_health(),
        "OpenApiDocument": {
            "type": "object",
            "additionalProperties": True,
            "description": "A document of the OpenAPI Specification 3.1.",
        },
    }


def _metrics() -> Mapping[str, Schema]:
    mean: Schema = {
        "type": "number",
        "format": "double",
        "minimum": 0,
        "description": "Mean seconds from `processing_started_at` to `ended_at` over Completed orders; 0 before the "
        "first.",
    }
    return {
        "Metrics": received(
            {
                "total_orders": {**COUNT, "description": "Total orders placed."},
                "average_processing_time": mean,
                "status_counts": reference("StatusCounts"),
            },
            "Exact counts of all orders.",
        ),
        "StatusCounts": received(dict.fromkeys(Status, COUNT), "Number of orders in each status."),
    }


def _health() -> Mapping[str, Schema]:
    limited = "Absent if the full concurrency is available."
    return {
        "Liveness": received({"status": {**TEXT, "description": "`alive`"}}, "The process is running."),
        "Readiness": received(
            {
                "status": {**TEXT, "description": "`ready`"},
                "limited_by": open_set(["renewals"], f"What limits orders in flight below the concurrency. {limited}"),
                "orders_at_once": {**NUMBER, "description": f"Maximum number of orders in flight. {limited}"},
            },
            "Orders can be placed.",
            optional=["limited_by", "orders_at_once"],
        ),
    }
