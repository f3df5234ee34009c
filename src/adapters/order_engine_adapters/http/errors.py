"""What can be wrong with a request before the engine is asked, and every error as a problem document."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from order_engine.domain.errors import OrderEngineError
from order_engine.wire import Problem, problem_of

INTERNAL: Final = Problem(
    500, "internal_error", "An error of the service", "The service met an error of its own, which is in its log."
)
CHALLENGE: Final = b'Bearer realm="order_engine"'
"""How a key is asked for (RFC 6750, section 3)."""

_logger = logging.getLogger("order_engine.http")


class RequestRefused(OrderEngineError):
    """A request that does not reach the engine; nothing was stored."""

    code = "request_refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The request is not valid"

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields that this answer has to carry."""
        return ()


class MalformedRequest(RequestRefused):
    """A request that violates RFC 9112; the connection is closed."""

    code = "malformed_request"
    title = "Malformed HTTP/1.1 request"


class InvalidHeader(RequestRefused):
    """A header field cannot be read, for example an `Idempotency-Key` of 256 characters."""

    code = "invalid_header"
    title = "A header field is not valid"


class KeyMissing(RequestRefused):
    """The request shows no key, and this is not open to everybody."""

    code = "key_missing"
    status = 401
    title = "A key is missing"

    def __init__(self) -> None:
        """Say how a key is shown."""
        super().__init__("Show a key of this service: Authorization: Bearer KEY.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The challenge: without an error, since no key was shown (RFC 6750, section 3.1)."""
        return ((b"www-authenticate", CHALLENGE),)


class KeyRefused(RequestRefused):
    """The key is unknown or revoked, or the header field that shows it cannot be read."""

    code = "key_refused"
    status = 401
    title = "The key is not valid"

    def __init__(self) -> None:
        """Say no more than that: not what was sent, nor how close it came."""
        super().__init__("The Authorization field shows no valid key of this service.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The challenge, with the error of RFC 6750, section 3.1."""
        return ((b"www-authenticate", CHALLENGE + b', error="invalid_token"'),)


class ScopeMissing(RequestRefused):
    """The key is valid, and does not open this."""

    code = "scope_missing"
    status = 403
    title = "The key lacks a scope"

    def __init__(self, scope: str) -> None:
        """Name the scope that is missing."""
        self.scope = scope
        super().__init__(f"This key lacks the scope {scope}.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The challenge, with the error and the scope of RFC 6750, section 3.1."""
        return ((b"www-authenticate", CHALLENGE + b', error="insufficient_scope", scope="%s"' % self.scope.encode()),)


class CrossSiteRequest(RequestRefused):
    """A page of another origin has made a browser send what would change something."""

    code = "cross_site_request"
    status = 403
    title = "The request comes from a page of another site"

    def __init__(self) -> None:
        """Say who could let it in."""
        super().__init__(
            "A browser sent this for a page of another origin. Nothing was changed: the service has to name that "
            "origin (--cors-origins) first."
        )


class RouteNotFound(RequestRefused):
    """Nothing is at this path."""

    code = "route_not_found"
    status = 404
    title = "There is nothing at this path"


class MethodNotAllowed(RequestRefused):
    """The path does not know this method; `Allow` names those that it knows."""

    code = "method_not_allowed"
    status = 405
    title = "The method is not allowed here"

    def __init__(self, method: str, allow: str) -> None:
        """Name the method, and what is allowed instead."""
        self.allow = allow
        super().__init__(f"{method[:20]!r} is not allowed here; allowed: {allow}.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The methods that are allowed (RFC 9110, section 10.2.1)."""
        return ((b"allow", self.allow.encode()),)


class NotAcceptable(RequestRefused):
    """The client accepts none of the forms that the answer has."""

    code = "not_acceptable"
    status = 406
    title = "No acceptable form"


class RequestTimedOut(RequestRefused):
    """The head took too long, or the body fell silent before its end."""

    code = "request_timed_out"
    status = 408
    title = "The request took too long to arrive"

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The rest of the body is not read, so the connection cannot be used again."""
        return ((b"connection", b"close"),)


class BodyTooLarge(RequestRefused):
    """The body is over its limit."""

    code = "body_too_large"
    status = 413
    title = "The body is too large"

    def __init__(self, most: int) -> None:
        """Name the limit in bytes."""
        super().__init__(f"The body must have at most {most} bytes.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The rest of the body is not read, so the connection cannot be used again."""
        return ((b"connection", b"close"),)


class AnswersTooLarge(RequestRefused):
    """The answers of a batch reached their limit before the batch was read to its end: so many were refused."""

    code = "answers_too_large"
    status = 413
    title = "The answers are too large"

    def __init__(self, most: int) -> None:
        """Name the limit in bytes."""
        super().__init__(
            f"The answers to this batch reached {most} bytes. Nothing after this was read: send the rest by itself, or "
            "the whole batch with Prefer: stream."
        )


class RequestLineTooLong(RequestRefused):
    """The request line is over its limit; the connection is closed."""

    code = "request_line_too_long"
    status = 414
    title = "Request line too long"

    def __init__(self, most: int) -> None:
        """Name the limit in bytes."""
        super().__init__(f"The request line exceeds {most:,} bytes.")


class UnsupportedMediaType(RequestRefused):
    """The body is of another media type, or is encoded."""

    code = "unsupported_media_type"
    status = 415
    title = "The media type is not supported"


class TooManyRequests(RequestRefused):
    """One key or address has sent more requests a second than it may."""

    code = "too_many_requests"
    status = 429
    title = "Too many requests"

    def __init__(self, seconds: int) -> None:
        """Say after how many seconds the next request is answered."""
        self.seconds = seconds
        super().__init__(f"There were too many requests from here: send the next one after {seconds} s.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """When to come again (RFC 6585, section 4)."""
        return ((b"retry-after", b"%d" % self.seconds),)


class TooManyConnections(RequestRefused):
    """The client address has reached its limit of open connections."""

    code = "too_many_connections"
    status = 429
    title = "Too many connections from one address"

    def __init__(self, most: int, seconds: int) -> None:
        """Name the limit, and after how many seconds to retry."""
        self.seconds = seconds
        super().__init__(
            f"Connection limit per client address ({most:,}) reached. Reuse connections or retry after {seconds} s."
        )

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """When to come again (RFC 6585, section 4)."""
        return ((b"retry-after", b"%d" % self.seconds),)


class HeaderTooLarge(RequestRefused):
    """The header fields are too many or too large; the connection is closed."""

    code = "header_too_large"
    status = 431
    title = "Request header too large"

    def __init__(self, most_bytes: int, most_fields: int) -> None:
        """Name both limits."""
        super().__init__(f"The request header exceeds {most_bytes:,} bytes or {most_fields:,} fields.")


class ConnectionsExhausted(RequestRefused):
    """The service has reached its limit of open connections."""

    code = "connections_exhausted"
    status = 503
    title = "Connection limit reached"

    def __init__(self, most: int, seconds: int) -> None:
        """Name the limit, and after how many seconds to retry."""
        self.seconds = seconds
        super().__init__(f"Connection limit ({most:,}) reached. Retry after {seconds} s.")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """When to come again (RFC 9110, section 10.2.3)."""
        return ((b"retry-after", b"%d" % self.seconds),)


def problem_for(error: OrderEngineError) -> Problem:
    """Return the problem document of an error of the engine's or of a request that was refused.

    What is our own error goes into the log instead: its sentence may tell of the inside, and none of it helps a client.
    """
    if isinstance(error, RequestRefused):
        return Problem(error.status, error.code, error.title, str(error))
    problem = problem_of(error)
    if problem.status == INTERNAL.status:
        _logger.error("A request failed", exc_info=error)
        return INTERNAL
    return problem
