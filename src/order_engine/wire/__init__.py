"""Wire format: orders, events and errors as JSON, for HTTP, the command line and other interfaces.

Parsing is strict and exact: only I-JSON is accepted, and numbers keep all digits. Output is compact.
"""

from order_engine.wire.i_json import read_json
from order_engine.wire.intake import checked_order, new_order, order_id_in, read_order
from order_engine.wire.problems import Problem, problem_of
from order_engine.wire.writing import (
    event_json,
    history_json,
    metrics_json,
    order_json,
    orders_json,
    page_json,
    stream_event_json,
    time_text,
)

__all__ = [
    "Problem",
    "checked_order",
    "event_json",
    "history_json",
    "metrics_json",
    "new_order",
    "order_id_in",
    "order_json",
    "orders_json",
    "page_json",
    "problem_of",
    "read_json",
    "read_order",
    "stream_event_json",
    "time_text",
]
