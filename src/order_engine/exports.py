"""The public names of order_engine: import them from `order_engine` itself."""

from order_engine.application.engine import OrderEngine
from order_engine.application.list_cursor import OrderList
from order_engine.application.options import EngineOptions
from order_engine.application.placer import Placed
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.errors import (
    ActionRefused,
    AdapterFault,
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
    Unavailable,
    VersionMismatch,
    WaitTimedOut,
    WrongEventLoop,
)
from order_engine.domain.events import Event, EventType
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import NewOrder, Order, Status

__all__ = [
    "ActionRefused",
    "AdapterFault",
    "Attributes",
    "ContentLimits",
    "EngineOptions",
    "Event",
    "EventType",
    "FieldError",
    "IdempotencyKeyReused",
    "InvalidCursor",
    "InvalidOrder",
    "InvalidQuery",
    "InvalidSetting",
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
    "OutcomeUnknown",
    "Overloaded",
    "Placed",
    "Rejected",
    "RepositoryHeld",
    "RetryLater",
    "Statistics",
    "Status",
    "StoreRefused",
    "Unavailable",
    "VersionMismatch",
    "WaitTimedOut",
    "WrongEventLoop",
]
