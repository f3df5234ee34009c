"""Operations for event streams, metrics, health and documentation."""

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
    "A first event of the type `ready` with the start position, then live events. A heartbeat comment is sent every "
    "15 seconds.",
    {
        "text/event-stream": {
            # OpenAPI before 3.2 cannot describe the items of a stream, so this describes the text.
            "schema": {
                "type": "string",
                "contentMediaType": "text/event-stream",
                "contentSchema": reference("StreamedEvent"),
                "description": "The `data` of each order event is a StreamedEvent as JSON.",
            },
            "example": examples.STREAM,
        }
    },
)

SERVICE_OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("/events", "GET"): Operation(
        name="streamEvents",
        tag=EVENTS,
        summary="Stream events of all orders",
        description="Streams the events of all orders from now on, or after `Last-Event-ID`. The events of each order "
        "arrive in order. A resumed stream neither loses nor repeats events.",
        parameters=("LastEventId",),
        answers={200: _STREAM},
        refusals=("invalid_header", "invalid_query", *ASKING),
    ),
    ("/orders/{order_id}/events", "GET"): Operation(
        name="streamOrderEvents",
        tag=EVENTS,
        summary="Stream events of an order",
        description="Streams the events of one order from its first event, or after `Last-Event-ID`. The stream ends "
        "after the order's last event. A reconnect after that returns 204, which makes an EventSource stop.",
        parameters=("OrderInPath", "LastEventId"),
        answers={200: _STREAM, 204: empty_answer("The order has ended and the client has received all its events.")},
        refusals=("invalid_header", "invalid_query", *ABOUT_ONE),
    ),
    ("/metrics", "GET"): Operation(
        name="getMetrics",
        tag=SERVICE,
        summary="Read the metrics",
        description="Returns exact counts of orders: JSON, or OpenMetrics or Prometheus text if `Accept` prefers it.",
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
        summary="Check liveness",
        description="Returns 200 while the process is running, even if the repository is unavailable.",
        answers={200: json_answer("Alive.", "Liveness", {"status": "alive"})},
    ),
    ("/readyz", "GET"): Operation(
        name="getReadiness",
        tag=SERVICE,
        summary="Check readiness",
        description="Returns 200 if orders can be placed, else 503 with the reason in `state`.",
        answers={200: json_answer("Ready.", "Readiness", {"status": "ready"})},
        refusals=("not_running", "unavailable"),
    ),
    ("/openapi.json", "GET"): Operation(
        name="getOpenApi",
        tag=SERVICE,
        summary="Read this document",
        description="Returns the OpenAPI 3.1 document with the limits of this service.",
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
        summary="Browse the API documentation",
        description="Returns an interactive page for this document. The page loads nothing from other hosts.",
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
        summary="Read a file of the API documentation",
        description="Returns a file of the documentation page. `problems` lists every problem and its meaning.",
        parameters=("AssetInPath", "IfNoneMatch"),
        answers={
            200: other_answer(
                "The file.",
                {
                    HTML_TYPE: {"schema": {"type": "string"}},
                    "text/css": {"schema": {"type": "string"}},
                    "text/javascript": {"schema": {"type": "string"}},
                    "text/plain": {"schema": {"type": "string"}},
                },
            ),
            304: empty_answer("The file has not changed."),
        },
        refusals=("route_not_found", "invalid_header"),
    ),
    ("/", "GET"): Operation(
        name="getStartPage",
        tag=SERVICE,
        summary="Open the start page",
        description="Returns a page with links and, if the service has no API keys, the metrics.",
        answers={200: other_answer("The page.", {HTML_TYPE: {"schema": {"type": "string"}}})},
        refusals=ASKING,
    ),
}
