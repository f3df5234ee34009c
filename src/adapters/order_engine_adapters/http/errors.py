"""Errors of requests that do not reach the engine, and the problem document of every error."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from order_engine.domain.errors import OrderEngineError
from order_engine.wire import Problem, problem_of

INTERNAL: Final = Problem(
    500, "internal_error", "Internal error", "Internal error. The log of the service has the details."
)
CHALLENGE: Final = b'Bearer realm="order_engine"'
"""The challenge of a 401 response (RFC 6750, section 3)."""

_logger = logging.getLogger("order_engine.http")


class RequestRefused(OrderEngineError):
    """A request that does not reach the engine; nothing was stored."""

    code = "request_refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Invalid request"
    meaning: ClassVar[str] = "The request is not valid. Nothing was stored."
    retry_after: int | None = None
    """Seconds until the request may be accepted (RFC 9110, section 10.2.3; RFC 6585, section 4)."""

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields of the response to this error."""
        return () if self.retry_after is None else ((b"retry-after", b"%d" % self.retry_after),)


class MalformedRequest(RequestRefused):
    """A request that violates RFC 9112; the connection is closed."""

    code = "malformed_request"
    title = "Malformed HTTP/1.1 request"
    meaning = "The bytes on the connection are not a valid HTTP/1.1 request (RFC 9112). The connection is closed."


class InvalidHeader(RequestRefused):
    """A header field with an invalid value."""

    code = "invalid_header"
    title = "Invalid header field"
    meaning = "A header field is not valid, for example an `Idempotency-Key` of 256 characters."


class KeyMissing(RequestRefused):
    """A request without an API key for an operation that requires one."""

    code = "key_missing"
    status = 401
    title = "API key required"
    meaning = "The request has no API key, and this operation requires one."

    def __init__(self) -> None:
        """Explain how to send a key."""
        super().__init__("API key required. Send it in the header field Authorization: Bearer KEY.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The challenge without an error code, since the request has no key (RFC 6750, section 3.1)."""
        return ((b"www-authenticate", CHALLENGE),)


class KeyRefused(RequestRefused):
    """An API key that is unknown, revoked or malformed."""

    code = "key_refused"
    status = 401
    title = "Invalid API key"
    meaning = "The API key is unknown or revoked, or the `Authorization` field is malformed."

    def __init__(self) -> None:
        """Reveal neither what was sent nor how close it came."""
        super().__init__("The Authorization field does not contain a valid API key.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The challenge with the error code of RFC 6750, section 3.1."""
        return ((b"www-authenticate", CHALLENGE + b', error="invalid_token"'),)


class ScopeMissing(RequestRefused):
    """A valid API key without the required scope."""

    code = "scope_missing"
    status = 403
    title = "Insufficient scope"
    meaning = "The API key is valid but lacks the scope that this operation requires."

    def __init__(self, scope: str) -> None:
        """Take the missing scope."""
        self.scope = scope
        super().__init__(f"The API key lacks the scope `{scope}`.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The challenge with the error code and the scope of RFC 6750, section 3.1."""
        return ((b"www-authenticate", CHALLENGE + b', error="insufficient_scope", scope="%s"' % self.scope.encode()),)


class CrossSiteRequest(RequestRefused):
    """A request that changes state, sent by a browser for a page of another origin."""

    code = "cross_site_request"
    status = 403
    title = "Cross-site request refused"
    meaning = "A browser sent a request that changes state from a page of another origin."

    def __init__(self) -> None:
        """Name the setting that allows the origin."""
        super().__init__(
            "A browser sent this request for a page of another origin. Nothing was changed. To allow that origin, add "
            "it to --cors-origins."
        )


class RouteNotFound(RequestRefused):
    """A path without a route."""

    code = "route_not_found"
    status = 404
    title = "Path not found"
    meaning = "The path does not exist."


class MethodNotAllowed(RequestRefused):
    """A method that the path does not support."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"
    meaning = "The path does not support this method. `Allow` lists the supported methods."

    def __init__(self, method: str, allow: str) -> None:
        """Name the method and the allowed methods."""
        self.allow = allow
        super().__init__(f"The method {method[:20]!r} is not allowed. Allowed: {allow}.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The allowed methods (RFC 9110, section 10.2.1)."""
        return ((b"allow", self.allow.encode()),)


class NotAcceptable(RequestRefused):
    """An `Accept` field that excludes every media type of the response."""

    code = "not_acceptable"
    status = 406
    title = "Not acceptable"
    meaning = "The `Accept` field excludes every media type of the response."


class RequestTimedOut(RequestRefused):
    """A request head that took too long, or a body that stalled."""

    code = "request_timed_out"
    status = 408
    title = "Request timeout"
    meaning = "The request head did not arrive in time, or the body stalled."

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The rest of the body is not read, so the connection cannot be used again."""
        return ((b"connection", b"close"),)


class BodyTooLarge(RequestRefused):
    """A body over its size limit."""

    code = "body_too_large"
    status = 413
    title = "Body too large"
    meaning = "The body exceeds its size limit."

    def __init__(self, limit: int) -> None:
        """Name the limit in bytes."""
        super().__init__(f"The body exceeds the limit of {limit:,} bytes.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The rest of the body is not read, so the connection cannot be used again."""
        return ((b"connection", b"close"),)


class AnswersTooLarge(RequestRefused):
    """A batch whose response reached its size limit before the batch was read to its end."""

    code = "answers_too_large"
    status = 413
    title = "Batch response too large"
    meaning = (
        "The response to a batch reached its size limit before the whole batch was read, because "
        "many orders were refused."
    )

    def __init__(self, limit: int) -> None:
        """Name the limit in bytes."""
        super().__init__(
            f"The response to this batch reached the limit of {limit:,} bytes. The rest of the batch was not read. "
            "Send the rest as another batch, or send the whole batch with Prefer: stream."
        )


class RequestLineTooLong(RequestRefused):
    """A request line over its size limit; the connection is closed."""

    code = "request_line_too_long"
    status = 414
    title = "Request line too long"
    meaning = "The request line exceeds its size limit. The connection is closed."

    def __init__(self, limit: int) -> None:
        """Name the limit in bytes."""
        super().__init__(f"The request line exceeds {limit:,} bytes.")


class UnsupportedMediaType(RequestRefused):
    """A body with another media type, or with a content encoding."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"
    meaning = "The body has another media type or a content encoding."


class TooManyRequests(RequestRefused):
    """A request over the rate of its API key or client address."""

    code = "too_many_requests"
    status = 429
    title = "Too many requests"
    meaning = "An API key or a client address exceeded its request rate."

    def __init__(self, seconds: int) -> None:
        """Take the seconds until the next request is accepted."""
        self.retry_after: int | None = seconds
        super().__init__(f"Request rate exceeded. Retry after {seconds} s.")


class TooManyConnections(RequestRefused):
    """The client address has reached its limit of open connections."""

    code = "too_many_connections"
    status = 429
    title = "Too many connections from one address"
    meaning = "A client address reached its connection limit."

    def __init__(self, limit: int, seconds: int) -> None:
        """Name the limit, and after how many seconds to retry."""
        self.retry_after: int | None = seconds
        super().__init__(
            f"Connection limit per client address ({limit:,}) reached. Reuse connections or retry after {seconds} s."
        )


class HeaderTooLarge(RequestRefused):
    """A header over its limits; the connection is closed."""

    code = "header_too_large"
    status = 431
    title = "Request header too large"
    meaning = "The header has too many fields or exceeds its size limit. The connection is closed."

    def __init__(self, max_bytes: int, max_fields: int) -> None:
        """Name both limits."""
        super().__init__(f"The request header exceeds {max_bytes:,} bytes or {max_fields:,} fields.")


class ConnectionsExhausted(RequestRefused):
    """The service has reached its limit of open connections."""

    code = "connections_exhausted"
    status = 503
    title = "Connection limit reached"
    meaning = "The service reached its connection limit."

    def __init__(self, limit: int, seconds: int) -> None:
        """Name the limit, and after how many seconds to retry."""
        self.retry_after: int | None = seconds
        super().__init__(f"Connection limit ({limit:,}) reached. Retry after {seconds} s.")


def problem_for(error: OrderEngineError) -> Problem:
    """Return the problem document of an error of the engine or of a refused request.

    The message of an internal error is logged instead: it may reveal internals, and does not help a client.
    """
    if isinstance(error, RequestRefused):
        return Problem(error.status, error.code, error.title, str(error))
    problem = problem_of(error)
    if problem.status == INTERNAL.status:
        _logger.error("A request failed", exc_info=error)
        return INTERNAL
    return problem
