"""All operations: the table behind the document and its tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from order_engine_adapters.http.openapi.operation import Operation
from order_engine_adapters.http.openapi.order_operations import ORDER_OPERATIONS
from order_engine_adapters.http.openapi.order_operations import TAG as ORDERS_TAG
from order_engine_adapters.http.openapi.service_operations import EVENTS, SERVICE, SERVICE_OPERATIONS

TAGS: Final[Mapping[str, str]] = {
    ORDERS_TAG: "Place, read, cancel and redrive orders.",
    EVENTS: "Stream order events as server-sent events.",
    SERVICE: "Metrics, health and documentation of the service.",
}
"""Descriptions of the tags."""
OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {**ORDER_OPERATIONS, **SERVICE_OPERATIONS}
"""Operations by path and method. HEAD and OPTIONS are omitted: every path handles them alike."""
