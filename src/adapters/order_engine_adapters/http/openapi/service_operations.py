"""The operations of those who watch: events, metrics, health, and the pages about the service itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from order_engine_adapters.http.openapi import examples
from order_engine_adapters.http.openapi.operation import (
    JSON_TYPE,
    Operation,
    empty_answer,
    json_answer,
    other_answer,
    text_content,
)
from order_engine_adapters.http.openapi.order_operations import ABOUT_ONE, ASKING
from order_engine_adapters.http.openapi.schemas import Schema, reference

EVENTS: Final = "Events"
SERVICE: Final = "Service"
HTML_TYPE: Final = "text/html"

_STREAM: Final[Schema] = other_answer(
    "The events as they happen, after one of the type `ready` that says where the stream begins. A comment comes "
    "every 15 seconds as a sign of life.",
    {
        "text/event-stream": {
            # Before 3.2 OpenAPI knows no items of a stream: what is described is the text that a client reads.
            "schema": {
                "type": "string",
                "contentMediaType": "text/event-stream",
                "contentSchema": reference("StreamedEvent"),
                "description": "Each event of an order has a StreamedEvent as JSON in its `data`.",
            },
            "example": examples.STREAM,
        }
    },
)

SERVICE_OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("/events", "GET"): Operation(
        name="streamEvents",
        tag=EVENTS,
        summary="Follow all orders",
        description="Server-sent events of all orders from now on, or after `Last-Event-ID`. Each order's events come "
        "in order; nothing is lost or repeated over a resume.",
        parameters=("LastEventId",),
        answers={200: _STREAM},
        refusals=("invalid_header", "invalid_query", *ASKING),
    ),
    ("/orders/{order_id}/events", "GET"): Operation(
        name="streamOrderEvents",
        tag=EVENTS,
        summary="Follow an order",
        description="Server-sent events of one order from its first, or after `Last-Event-ID`. The stream ends with "
        "the order; a reconnect after that gets 204, which tells an EventSource to stop.",
        parameters=("OrderInPath", "LastEventId"),
        answers={200: _STREAM, 204: empty_answer("The order has ended, and all of its events were received.")},
        refusals=("invalid_header", "invalid_query", *ABOUT_ONE),
    ),
    ("/metrics", "GET"): Operation(
        name="getMetrics",
        tag=SERVICE,
        summary="Read the metrics",
        description="Exact counts of all orders. As OpenMetrics or Prometheus text where `Accept` prefers that.",
        answers={
            200: other_answer(
                "The metrics.",
                {
                    JSON_TYPE: {"schema": reference("Metrics"), "example": examples.STATISTICS},
                    "application/openmetrics-text": text_content("OpenMetrics 1.0.", examples.OPEN_METRICS_TEXT),
                    "text/plain": text_content("Prometheus text 0.0.4.", examples.PROMETHEUS_TEXT),
                },
                "Vary",
            )
        },
        refusals=ASKING,
    ),
    ("/livez", "GET"): Operation(
        name="getLiveness",
        tag=SERVICE,
        summary="Ask whether the process is alive",
        description="200 also while the repository is away.",
        answers={200: json_answer("Alive.", "Liveness", {"status": "alive"})},
    ),
    ("/readyz", "GET"): Operation(
        name="getReadiness",
        tag=SERVICE,
        summary="Ask whether orders can be placed",
        description="503 where not. The problem's `state` says why.",
        answers={200: json_answer("Ready.", "Readiness", {"status": "ready"})},
        refusals=("not_running", "unavailable"),
    ),
    ("/openapi.json", "GET"): Operation(
        name="getOpenApi",
        tag=SERVICE,
        summary="Read this document",
        description="OpenAPI 3.1, made of the limits that this service runs with.",
        answers={
            200: other_answer("The document.", {JSON_TYPE: {"schema": reference("OpenApiDocument")}}),
            304: empty_answer("The document has not changed."),
        },
        parameters=("IfNoneMatch",),
        refusals=("not_acceptable", "invalid_header"),
    ),
    ("/docs", "GET"): Operation(
        name="getDocs",
        tag=SERVICE,
        summary="Read this document in a browser",
        description="A page that shows this document and tries its operations; it asks no other host for anything.",
        answers={
            200: other_answer("The page.", {HTML_TYPE: {"schema": {"type": "string"}}}),
            304: empty_answer("The page has not changed."),
        },
        parameters=("IfNoneMatch",),
        refusals=("invalid_header",),
    ),
    ("/docs/{asset}", "GET"): Operation(
        name="getDocsAsset",
        tag=SERVICE,
        summary="Read a part of the page",
        description="The parts that the page is made of; `problems` is a page of every problem and what it means.",
        parameters=("AssetInPath", "IfNoneMatch"),
        answers={
            200: other_answer(
                "The part.",
                {
                    HTML_TYPE: {"schema": {"type": "string"}},
                    "text/css": {"schema": {"type": "string"}},
                    "text/javascript": {"schema": {"type": "string"}},
                    "text/plain": {"schema": {"type": "string"}},
                },
            ),
            304: empty_answer("The part has not changed."),
        },
        refusals=("route_not_found", "invalid_header"),
    ),
    ("/", "GET"): Operation(
        name="getStartPage",
        tag=SERVICE,
        summary="Look at the service in a browser",
        description="Links to everything else and, where no key is asked for, the figures of the metrics.",
        answers={200: other_answer("The page.", {HTML_TYPE: {"schema": {"type": "string"}}})},
        refusals=ASKING,
    ),
}
