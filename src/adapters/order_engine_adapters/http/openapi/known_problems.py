"""Every problem that the service may return, with its status, code, title and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from order_engine.domain.errors import (
    ActionRefused,
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
from order_engine.wire.problems import TITLES
from order_engine_adapters.http.errors import INTERNAL, RequestRefused

INTERNAL_MEANING: Final = "A bug in the service. The log of the service has the details."
MEANINGS: Final[Mapping[type[OrderEngineError], str]] = MappingProxyType(
    {
        MalformedJson: "The body is not I-JSON (RFC 8259, RFC 7493). Nothing was stored.",
        OrderNotFound: "No order has this id.",
        OrderConflict: "Another order with the same id and different content exists. Nothing was changed.",
        ActionRefused: "The order's status does not allow the action. `allowed` lists the allowed actions.",
        VersionMismatch: "The order has changed: `If-Match` does not match its current version.",
        InvalidOrder: (
            "The order violates a rule for its fields. Nothing was stored. `errors` lists the invalid fields."
        ),
        IdempotencyKeyReused: "The idempotency key was used before with different content. Nothing was stored.",
        InvalidQuery: "A query parameter is unknown, repeated or out of range.",
        InvalidCursor: "The cursor is unknown, too old or from another query. Start again without a cursor.",
        StoreRefused: "The repository cannot store this order. Nothing was stored.",
        Overloaded: "The service reached a limit. Nothing was stored. Retry after the time in `Retry-After`.",
        NotRunning: "The service is starting or shutting down. Nothing was stored.",
        OutcomeUnknown: "The repository did not answer. The request may have taken effect. Retry the same request.",
        OrderBusy: "Another database transaction has locked the order. Nothing was changed. Retry later.",
        Unavailable: "The repository is unavailable. Nothing was changed. Retry the same request later.",
    }
)
"""Meanings of the engine's errors for clients, in which the fault is not the service's own."""


class KnownProblem(NamedTuple):
    """One problem type of the HTTP API."""

    status: int
    code: str
    title: str
    meaning: str


@cache
def known_problems() -> Sequence[KnownProblem]:
    """Return every problem once, sorted by status and code."""
    return sorted({*_of_the_engine(), *_of_requests(RequestRefused), _internal()})


def _of_the_engine() -> Iterator[KnownProblem]:
    for error, (status, title) in TITLES.items():
        # The details of internal errors are logged, not sent to clients.
        if status != INTERNAL.status:
            yield KnownProblem(status, error.code, title, MEANINGS[error])


def _of_requests(base: type[RequestRefused]) -> Iterator[KnownProblem]:
    for error in base.__subclasses__():
        yield KnownProblem(error.status, error.code, error.title, error.meaning)
        yield from _of_requests(error)


def _internal() -> KnownProblem:
    return KnownProblem(INTERNAL.status, INTERNAL.code, INTERNAL.title, INTERNAL_MEANING)
