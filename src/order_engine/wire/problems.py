"""Conversion of errors to problem documents (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType
from typing import Final

from order_engine.domain.errors import (
    ActionRefused,
    AdapterFault,
    FieldError,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidOrder,
    InvalidQuery,
    MalformedJson,
    NotRunning,
    OrderBusy,
    OrderConflict,
    OrderEngineError,
    OrderNotFound,
    OutcomeUnknown,
    Overloaded,
    StoreRefused,
    Unavailable,
    VersionMismatch,
    WrongEventLoop,
)

TYPE_PREFIX: Final = "urn:order-engine:problem:"
MOST_ERRORS: Final = 100
"""Maximum number of invalid fields listed in one document."""
LONGEST_POINTER: Final = 1_000
"""Maximum length of a JSON Pointer: names in the attributes may be very long, and are not sent back."""
RETRY_SECONDS: Final = 1
"""Default of Retry-After, in seconds."""

TITLES: Final[Mapping[type[OrderEngineError], tuple[int, str]]] = MappingProxyType(
    {
        MalformedJson: (400, "Malformed JSON"),
        OrderNotFound: (404, "Order not found"),
        OrderConflict: (409, "Order exists with different content"),
        ActionRefused: (409, "Action not allowed in the order's status"),
        VersionMismatch: (412, "Order version mismatch"),
        InvalidOrder: (422, "Invalid order"),
        IdempotencyKeyReused: (422, "Idempotency key reused with different content"),
        InvalidQuery: (422, "Invalid query"),
        InvalidCursor: (422, "Invalid cursor"),
        StoreRefused: (422, "Order cannot be stored"),
        AdapterFault: (500, "Adapter fault"),
        Overloaded: (503, "Service overloaded"),
        NotRunning: (503, "Service not accepting orders"),
        OutcomeUnknown: (503, "Outcome unknown"),
        OrderBusy: (503, "Order locked"),
        Unavailable: (503, "Repository unavailable"),
    }
)
"""HTTP status and title of each error that a client may receive. A subclass uses those of its base."""
DETAILS: Final[Mapping[type[OrderEngineError], str]] = MappingProxyType(
    {
        Unavailable: "The repository is unavailable. Nothing was changed. Retry the same request later.",
        OutcomeUnknown: "The repository did not answer in time. The request may have taken effect. Retry the same "
        "request.",
    }
)
"""Details sent to clients in place of messages that may name hosts, databases and files. The log has the originals."""
SERVICE_UNAVAILABLE: Final = 503
INTERNAL: Final = (500, "Internal error")


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem document: HTTP status, stable code, title of the code, and detail of this occurrence.

    `errors` lists the invalid fields of a body, `extensions` are further members of the document, `retry_after` is the
    number of seconds after which the same request may succeed.
    """

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    extensions: Mapping[str, object] = field(default_factory=dict)
    retry_after: int | None = None

    def document(self) -> dict[str, object]:
        """Return the members of the problem document."""
        members: dict[str, object] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            listed = self.errors[:MOST_ERRORS]
            members["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in listed]
        members.update(self.extensions)
        return members

    def json(self) -> str:
        """Return the document as ASCII-only JSON, even if it quotes other characters."""
        return json.dumps(self.document(), separators=(",", ":"))


def problem_of(error: OrderEngineError) -> Problem:
    """Return the problem document of an error."""
    # The host called from another event loop: to its client, the engine does not run.
    kind = NotRunning if isinstance(error, WrongEventLoop) else type(error)
    known = next((base for base in kind.__mro__ if base in TITLES), OrderEngineError)
    status, title = TITLES.get(known, INTERNAL)
    shortened = InvalidOrder(tuple(map(_shortened, error.errors))) if isinstance(error, InvalidOrder) else None
    return Problem(
        status,
        error.code,
        title,
        DETAILS.get(known) or str(shortened or error),
        errors=shortened.errors if shortened is not None else (),
        extensions=_extensions(error),
        retry_after=_retry_after(error, status),
    )


def _shortened(error: FieldError) -> FieldError:
    """Shorten a long pointer to the object or list that contains the invalid value."""
    if len(error.pointer) <= LONGEST_POINTER:
        return error
    pointer = error.pointer[: error.pointer.rfind("/", 0, LONGEST_POINTER + 1)]
    return FieldError(pointer, f"contains a value that {error.detail}")


def _extensions(error: OrderEngineError) -> Mapping[str, object]:
    if isinstance(error, ActionRefused):
        return {"order_status": error.status, "allowed": list(error.allowed)}
    return {}


def _retry_after(error: OrderEngineError, status: int) -> int | None:
    if isinstance(error, Overloaded):
        return max(1, ceil(error.retry_after))
    return RETRY_SECONDS if status == SERVICE_UNAVAILABLE else None
