"""What the adapter itself refuses: statuses and codes are stable, and every class has its own."""

from __future__ import annotations

import inspect

import pytest

from order_engine_adapters.http import errors
from order_engine_adapters.http.errors import (
    AnswersTooLarge,
    BodyTooLarge,
    ConnectionsExhausted,
    CrossSiteRequest,
    HeaderTooLarge,
    InvalidHeader,
    KeyMissing,
    KeyRefused,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestLineTooLong,
    RequestRefused,
    RequestTimedOut,
    RouteNotFound,
    ScopeMissing,
    TooManyConnections,
    TooManyRequests,
    UnsupportedMediaType,
    problem_for,
)
from tests.unit.wire.test_problems import PINNED as PINNED_ERRORS_OF_THE_ENGINE

PINNED: list[tuple[RequestRefused, int, str]] = [
    (RequestRefused("m"), 400, "request_refused"),
    (MalformedRequest("m"), 400, "malformed_request"),
    (InvalidHeader("m"), 400, "invalid_header"),
    (KeyMissing(), 401, "key_missing"),
    (KeyRefused(), 401, "key_refused"),
    (ScopeMissing("write"), 403, "scope_missing"),
    (CrossSiteRequest(), 403, "cross_site_request"),
    (RouteNotFound("m"), 404, "route_not_found"),
    (MethodNotAllowed("PUT", "GET"), 405, "method_not_allowed"),
    (NotAcceptable("m"), 406, "not_acceptable"),
    (RequestTimedOut("m"), 408, "request_timed_out"),
    (BodyTooLarge(10), 413, "body_too_large"),
    (AnswersTooLarge(10), 413, "answers_too_large"),
    (RequestLineTooLong(8), 414, "request_line_too_long"),
    (UnsupportedMediaType("m"), 415, "unsupported_media_type"),
    (TooManyRequests(3), 429, "too_many_requests"),
    (TooManyConnections(2, 3), 429, "too_many_connections"),
    (HeaderTooLarge(8, 2), 431, "header_too_large"),
    (ConnectionsExhausted(2, 3), 503, "connections_exhausted"),
]


@pytest.mark.parametrize(("error", "status", "code"), PINNED, ids=[code for _, _, code in PINNED])
def test_every_refusal_has_its_document(error: RequestRefused, status: int, code: str) -> None:
    """Status, type and title; none of them asks to be sent again later."""
    document = problem_for(error).document()
    assert document == {
        "type": f"urn:order-engine:problem:{code}",
        "title": type(error).title,
        "status": status,
        "detail": str(error),
        "code": code,
    }
    assert problem_for(error).retry_after is None


def test_no_refusal_is_left_out() -> None:
    """A new error needs an entry. Codes are unique, also among those of the engine."""
    classes = {
        member
        for _, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, RequestRefused) and member.__module__ == errors.__name__
    }
    assert {type(error) for error, _, _ in PINNED} == classes
    codes = [code for _, _, code in PINNED] + [code for _, _, code in PINNED_ERRORS_OF_THE_ENGINE]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", [RequestTimedOut("m"), BodyTooLarge(1)])
def test_a_body_that_is_not_read_to_its_end_ends_the_connection(error: RequestRefused) -> None:
    """What is left of it would be taken for the next request."""
    assert error.headers == ((b"connection", b"close"),)
