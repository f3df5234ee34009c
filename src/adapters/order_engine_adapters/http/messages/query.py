"""Query parameters of a request."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.types import Scope

from order_engine.domain.errors import InvalidQuery


def refuse_parameters(scope: Scope) -> None:
    """Raise InvalidQuery for any parameter."""
    if scope["query_string"]:
        message = "This path takes no query parameters."
        raise InvalidQuery(message)


def query_pairs(scope: Scope) -> list[tuple[str, str]]:
    """Return the parameters of a query in order. Raises InvalidQuery if they are not UTF-8."""
    try:
        return parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        message = "The query string must be percent-encoded UTF-8."
        raise InvalidQuery(message) from None
