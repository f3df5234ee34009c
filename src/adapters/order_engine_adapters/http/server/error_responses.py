"""The responses of the server itself, to requests that never reach the application."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from order_engine_adapters.http.errors import RequestRefused, problem_for
from order_engine_adapters.http.messages.request_id import RequestIdMaker
from order_engine_adapters.http.messages.resource import with_request_id
from order_engine_adapters.http.messages.responses import Response, problem_response
from order_engine_adapters.http.server.response_head import Field


class ErrorResponses:
    """Makes problem documents with a request id, as the application does."""

    def __init__(self, random: Random) -> None:
        """Make request ids with a prefix from `random`."""
        self._ids = RequestIdMaker(random)

    def response(self, error: RequestRefused, fields: Iterable[Field]) -> Response:
        """Return the response to a request of which these header fields were read; possibly not all."""
        request_id = self._ids.id_for([value for name, value in fields if name == b"x-request-id"])
        problem = with_request_id(problem_for(error), request_id.decode("ascii"))
        return problem_response(problem, *error.headers, (b"x-request-id", request_id))
