"""Examples: orders of a real shop, and what becomes of them.

What the service writes is written here by the same functions, so that it says what the service says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from order_engine.application.worker.renewal_capacity import InFlight
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Status
from order_engine.wire import event_json, metrics_json
from order_engine_adapters.http.events.sse import HEARTBEAT, event_text, ready_text
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.service.metrics_text import OPEN_METRICS, PROMETHEUS, MetricsSnapshot, metrics_text

NEW: Final[Mapping[str, Any]] = {
    "order_id": "536366",
    "user_id": "17850",
    "item_ids": ["22633", "22632"],
    "total_amount": "22.20",
    "currency": "GBP",
}
WITH_ATTRIBUTES: Final[Mapping[str, Any]] = {
    **NEW,
    "attributes": {"lines": [{"sku": "22633", "quantity": 6, "unit_price": "1.85"}], "gift": True},
}
WITHOUT_ID: Final[Mapping[str, Any]] = {name: value for name, value in NEW.items() if name != "order_id"}
MADE_ID: Final = "0193c5b2d7e84c0f9a6b1e2d3c4f5a60"
PLACED_AT: Final = "2026-01-15T08:28:00.000000Z"
STARTED_AT: Final = "2026-01-15T08:28:00.004215Z"
ENDED_AT: Final = "2026-01-15T08:28:02.006931Z"
CURSOR: Final = "WyIyMDI2LTAxLTE1Iiwi"

COMPLETED: Final[Mapping[str, Any]] = {
    **NEW,
    "attributes": None,
    "status": "Completed",
    "version": 3,
    "attempts": 1,
    "created_at": PLACED_AT,
    "processing_started_at": STARTED_AT,
    "ended_at": ENDED_AT,
    "failure": None,
}
CANCELLED: Final = {
    **COMPLETED,
    "status": "Cancelled",
    "version": 2,
    "attempts": 0,
    "processing_started_at": None,
}
STOPPING: Final = {**COMPLETED, "status": "Processing", "ended_at": None}
REDRIVEN: Final = {**CANCELLED, "status": "Pending", "version": 12, "ended_at": None}

_ID: Final = str(NEW["order_id"])
_EVENTS: Final = (
    Event(_ID, 1, EventType.PLACED, Status.PENDING, datetime.fromisoformat(PLACED_AT)),
    Event(_ID, 2, EventType.CLAIMED, Status.PROCESSING, datetime.fromisoformat(STARTED_AT), 1, 1),
    Event(_ID, 3, EventType.COMPLETED, Status.COMPLETED, datetime.fromisoformat(ENDED_AT), 1, 1),
)
EVENTS: Final = [json.loads(event_json(event)) for event in _EVENTS]
STREAM: Final = b"".join(
    (
        ready_text("MA", resumed=False, heartbeat_seconds=HttpLimits().heartbeat_seconds),
        event_text(_EVENTS[0], "MQ"),
        HEARTBEAT,
    )
).decode()
_STATISTICS: Final = Statistics(
    1708, {**dict.fromkeys(Status, 0), Status.PENDING: 8, Status.COMPLETED: 1700}, 3_404_617_200
)
_FIGURES: Final = MetricsSnapshot(_STATISTICS, ready=True, event_streams=2, in_flight=InFlight(8, 1000, limited=False))
STATISTICS: Final = json.loads(metrics_json(_STATISTICS))
OPEN_METRICS_TEXT: Final = metrics_text(_FIGURES, OPEN_METRICS).decode()
PROMETHEUS_TEXT: Final = metrics_text(_FIGURES, PROMETHEUS).decode()
BATCH: Final = (
    '{"order_id":"536366","user_id":"17850","item_ids":["22633","22632"],"total_amount":"22.20"}\n'
    '{"order_id":"536367","user_id":"13047","item_ids":["84879"],"total_amount":"278.73"}\n'
)
BATCH_ANSWERS: Final = [
    {"order_id": "536366", "code": 201, "replayed": True, "problem": None},
    {"order_id": "536367", "code": 201, "replayed": False, "problem": None},
    {"read": 2, "placed": 1, "replayed": 1, "refused": 0},
]
BATCH_LINES: Final = (
    '{"order_id":"536366","code":201,"replayed":true,"problem":null}\n'
    '{"order_id":"536367","code":201,"replayed":false,"problem":null}\n'
    '{"read":2,"placed":1,"replayed":1,"refused":0}\n'
)
