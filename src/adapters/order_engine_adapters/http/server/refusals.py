"""Answering what never gets to an application: too large, too slow, too many, or no request at all."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from random import Random

from order_engine_adapters.http.errors import RequestRefused, problem_for
from order_engine_adapters.http.messages.request_id import SANE_ID
from order_engine_adapters.http.messages.resource import named
from order_engine_adapters.http.messages.responses import Response, problem_response
from order_engine_adapters.http.server.response_head import Field


class Refusals:
    """Names each refusal as an application names its answers: by the client's own id where that came and is sane."""

    def __init__(self, random: Random) -> None:
        """Make ids of a beginning by chance and a number."""
        self._beginning = f"{random.getrandbits(64):016x}-"
        self._numbers = count(1)

    def answer(self, error: RequestRefused, fields: Iterable[Field]) -> Response:
        """Return the answer to a request of which these fields were read, which may be none or not all."""
        given = [value for name, value in fields if name == b"x-request-id"]
        if len(given) == 1 and SANE_ID.fullmatch(given[0]):
            name = given[0].decode("ascii")
        else:
            name = f"{self._beginning}{next(self._numbers):x}"
        return problem_response(
            named(problem_for(error), name), *error.headers, (b"x-request-id", name.encode("ascii"))
        )
