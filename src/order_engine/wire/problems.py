"""Errors as problem documents (RFC 9457)."""

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
)

TYPE_PREFIX: Final = "urn:order-engine:problem:"
MOST_ERRORS: Final = 100
"""Wrong fields that one document names."""
LONGEST_POINTER: Final = 1_000
"""Characters of a pointer: a name in the attributes may be as long as they are, and is not sent back."""
RETRY_SECONDS: Final = 1
"""When to come back after trouble that says nothing of its own."""

TITLES: Final[Mapping[type[OrderEngineError], tuple[int, str]]] = MappingProxyType(
    {
        MalformedJson: (400, "The body is not I-JSON"),
        OrderNotFound: (404, "There is no such order"),
        OrderConflict: (409, "The order exists with other content"),
        ActionRefused: (409, "The action is not open in the order's status"),
        VersionMismatch: (412, "The order has changed"),
        InvalidOrder: (422, "The order is not valid"),
        IdempotencyKeyReused: (422, "The idempotency key was used with other content"),
        InvalidQuery: (422, "The query is not valid"),
        InvalidCursor: (422, "The cursor is not valid"),
        StoreRefused: (422, "The repository cannot keep this order"),
        AdapterFault: (500, "An adapter is broken"),
        Overloaded: (503, "The service is at its limits"),
        NotRunning: (503, "The service takes no orders now"),
        OutcomeUnknown: (503, "The outcome is not known"),
        OrderBusy: (503, "The order is locked"),
        Unavailable: (503, "The repository is away"),
    }
)
"""The HTTP status and the title of each error that a client may meet; a subclass has those of its base."""
DETAILS: Final[Mapping[type[OrderEngineError], str]] = MappingProxyType(
    {
        Unavailable: "The repository does not answer. Nothing took effect. Send the same request again later.",
        OutcomeUnknown: "The repository did not answer in time. The request may have taken effect. Send the same "
        "request again.",
    }
)
"""What clients are told of errors whose own sentences may name hosts, databases and files. The log has those."""
SERVICE_UNAVAILABLE: Final = 503
INTERNAL: Final = (500, "An error of the service")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: the HTTP status, the stable code, a title for the code, a sentence for this occurrence.

    `errors` names the wrong fields of a body, `extensions` are further members of the document, `retry_after` is the
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
            told = self.errors[:MOST_ERRORS]
            members["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in told]
        members.update(self.extensions)
        return members

    def json(self) -> str:
        """Return the document as JSON in ASCII, whatever a client sent that is quoted in it."""
        return json.dumps(self.document(), separators=(",", ":"))


def problem_of(error: OrderEngineError) -> Problem:
    """Return the problem document of an error."""
    known = next((base for base in type(error).__mro__ if base in TITLES), OrderEngineError)
    status, title = TITLES.get(known, INTERNAL)
    told = InvalidOrder(tuple(map(_shortened, error.errors))) if isinstance(error, InvalidOrder) else None
    return Problem(
        status,
        error.code,
        title,
        DETAILS.get(known) or str(told or error),
        errors=told.errors if told is not None else (),
        extensions=_extensions(error),
        retry_after=_retry_after(error, status),
    )


def _shortened(error: FieldError) -> FieldError:
    """Return the error with a pointer that stops where it gets too long: at what holds the wrong value."""
    if len(error.pointer) <= LONGEST_POINTER:
        return error
    pointer = error.pointer[: error.pointer.rfind("/", 0, LONGEST_POINTER + 1)]
    return FieldError(pointer, f"has a value within that {error.detail}")


def _extensions(error: OrderEngineError) -> Mapping[str, object]:
    if isinstance(error, ActionRefused):
        return {"order_status": error.status, "allowed": list(error.allowed)}
    return {}


def _retry_after(error: OrderEngineError, status: int) -> int | None:
    if isinstance(error, Overloaded):
        return max(1, ceil(error.retry_after))
    return RETRY_SECONDS if status == SERVICE_UNAVAILABLE else None
