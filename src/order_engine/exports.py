"""The public names of order_engine: import them from `order_engine` itself."""

from order_engine.application.engine import OrderEngine
from order_engine.application.list_cursor import OrderList
from order_engine.application.options import EngineOptions
from order_engine.application.placer import Placed
from order_engine.application.runtime import Readiness
from order_engine.application.worker.renewal_capacity import InFlight
from order_engine.domain.content.attributes import Attributes, JsonInput, JsonValue
from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.errors import (
    ActionRefused,
    AdapterFault,
    AttemptNotStarted,
    CallerError,
    FieldError,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidOrder,
    InvalidQuery,
    InvalidSetting,
    MalformedJson,
    NotRunning,
    OrderBusy,
    OrderConflict,
    OrderEngineError,
    OrderNotFound,
    OutcomeUnknown,
    Overloaded,
    Rejected,
    RepositoryHeld,
    RetryLater,
    StoreRefused,
    TransientError,
    Unavailable,
    VersionMismatch,
    WaitTimedOut,
    WrongEventLoop,
)
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import NewOrder, Order, Status
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine.ports.repository import Cursor, EventPage

__all__ = [
    "ActionRefused",
    "AdapterFault",
    "AttemptNotStarted",
    "Attributes",
    "CallerError",
    "ContentLimits",
    "Cursor",
    "EngineOptions",
    "Event",
    "EventPage",
    "EventType",
    "FieldError",
    "IdempotencyKeyReused",
    "InFlight",
    "InvalidCursor",
    "InvalidOrder",
    "InvalidQuery",
    "InvalidSetting",
    "JsonInput",
    "JsonValue",
    "MalformedJson",
    "NewOrder",
    "NotRunning",
    "Order",
    "OrderBusy",
    "OrderConflict",
    "OrderEngine",
    "OrderEngineError",
    "OrderList",
    "OrderNotFound",
    "OrderProcessor",
    "OutcomeUnknown",
    "Overloaded",
    "Placed",
    "PlainProcessor",
    "Readiness",
    "Rejected",
    "RepositoryHeld",
    "RetryLater",
    "Statistics",
    "Status",
    "StoreRefused",
    "TransientError",
    "Unavailable",
    "VersionMismatch",
    "WaitTimedOut",
    "WrongEventLoop",
]
