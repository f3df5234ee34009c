"""What each route does: the one table that the document and its tests go by."""

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
"""What the operations of each tag are about."""
OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {**ORDER_OPERATIONS, **SERVICE_OPERATIONS}
"""Every operation by its path and method. HEAD and OPTIONS are left out: every path answers them alike."""
