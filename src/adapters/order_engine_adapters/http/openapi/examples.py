"""Examples: orders of a real shop, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from order_engine.domain.order import Status

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

EVENTS: Final = [
    {"version": 1, "type": "placed", "status": "Pending", "at": PLACED_AT},
    {"version": 2, "type": "claimed", "status": "Processing", "at": STARTED_AT, "token": 1, "attempt": 1},
    {"version": 3, "type": "completed", "status": "Completed", "at": ENDED_AT, "token": 1, "attempt": 1},
]
STREAM: Final = (
    "retry: 2000\n"
    "event: ready\n"
    'data: {"resumed":false,"heartbeat_seconds":15}\n'
    "id: MA\n"
    "\n"
    "event: placed\n"
    f'data: {{"order_id":"536366","version":1,"type":"placed","status":"Pending","at":"{PLACED_AT}"}}\n'
    "id: MQ\n"
    "\n"
    ":\n"
)
STATISTICS: Final = {
    "total_orders": 1708,
    "average_processing_time": 2.002716,
    "status_counts": dict.fromkeys(Status, 0) | {"Pending": 8, "Completed": 1700},
}
METRICS_TEXT: Final = '# TYPE orders gauge\norders{status="Completed"} 1700\n# EOF\n'
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
