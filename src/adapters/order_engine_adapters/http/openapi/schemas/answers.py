"""The schemas of the other answers: placed, batch, metrics, health, and the document itself."""

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
    """Return these schemas by their names."""
    return {
        "OrderCreated": received(
            {
                "message": {**TEXT, "description": "`Order created successfully`, for people."},
                "order_id": {**TEXT, "description": "Where the server made it."},
            },
            "The order is stored.",
            optional=["order_id"],
        ),
        "BatchAnswer": received(
            {
                "order_id": or_null(TEXT, "As it was sent; null where it was not read."),
                "code": {"type": "integer", "description": "The status that POST /orders would have answered."},
                "replayed": {"type": "boolean"},
                "problem": or_null(reference("Problem")),
            },
            "What became of one order of a batch.",
        ),
        "BatchSummary": received(
            {
                "read": COUNT | {"description": "Orders that were read. Fewer than were sent: send the batch again."},
                "placed": COUNT,
                "replayed": COUNT,
                "refused": COUNT,
            },
            "The last item of every answer to a batch.",
        ),
        "BatchItem": {
            "anyOf": [reference("BatchAnswer"), reference("BatchSummary")],
            "description": "An item of the answer to a batch.",
        },
        **_metrics(),
        **_health(),
        "OpenApiDocument": {
            "type": "object",
            "additionalProperties": True,
            "description": "A document as the OpenAPI Specification 3.1 has it.",
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
                "total_orders": {**COUNT, "description": "Orders ever placed."},
                "average_processing_time": mean,
                "status_counts": reference("StatusCounts"),
            },
            "Exact counts of all orders.",
        ),
        "StatusCounts": received(dict.fromkeys(Status, COUNT), "How many orders are in each status."),
    }


def _health() -> Mapping[str, Schema]:
    limited = "Absent where the whole concurrency is."
    return {
        "Liveness": received({"status": {**TEXT, "description": "`alive`"}}, "The process is alive."),
        "Readiness": received(
            {
                "status": {**TEXT, "description": "`ready`"},
                "limited_by": open_set(["renewals"], f"What keeps orders at once below the concurrency. {limited}"),
                "orders_at_once": {**NUMBER, "description": f"How many orders are worked on at once. {limited}"},
            },
            "Orders can be placed.",
            optional=["limited_by", "orders_at_once"],
        ),
    }
