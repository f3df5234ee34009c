"""What can be wrong with a request before the engine is asked, and every error as a problem document."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from order_engine.domain.errors import OrderEngineError
from order_engine.wire import Problem, problem_of

INTERNAL: Final = Problem(
    500, "internal_error", "An error of the service", "The service met an error of its own, which is in its log."
)


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


class InvalidHeader(RequestRefused):
    """A header field cannot be read, for example an `Idempotency-Key` of 256 characters."""

    code = "invalid_header"
    title = "A header field is not valid"


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
    """The body fell silent before its end."""

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


class UnsupportedMediaType(RequestRefused):
    """The body is of another media type, or is encoded."""

    code = "unsupported_media_type"
    status = 415
    title = "The media type is not supported"


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
