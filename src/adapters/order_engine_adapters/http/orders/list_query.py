"""Query parameters of the order list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.types import Scope

from order_engine.application.engine import DEFAULT_PAGE
from order_engine.domain.content.text import stored_identifier_problem
from order_engine.domain.errors import InvalidQuery
from order_engine.domain.order import Status
from order_engine_adapters.http.messages.query import query_pairs

PARAMETERS: Final = ("status", "user_id", "limit", "cursor")
LIMIT: Final = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Filters, limit and cursor of a list request."""

    status: Status | None
    user_id: str | None
    limit: int
    cursor: str | None


def list_query(scope: Scope) -> ListQuery:
    """Return the parameters of `GET /orders`. Raises InvalidQuery."""
    given = _parameters(scope)
    return ListQuery(
        _status(given.get("status")), _user_id(given.get("user_id")), _limit(given.get("limit")), given.get("cursor")
    )


def list_link(scope: Scope, query: ListQuery, cursor: str) -> bytes:
    """Return the link to the next page (RFC 8288)."""
    parameters: dict[str, str | int] = {"limit": query.limit, "cursor": cursor}
    if query.status is not None:
        parameters["status"] = query.status
    if query.user_id is not None:
        parameters["user_id"] = query.user_id
    path = quote(f"{scope.get('root_path', '')}/orders")
    return f'<{path}?{urlencode(parameters)}>; rel="next"'.encode()


def _parameters(scope: Scope) -> dict[str, str]:
    pairs = query_pairs(scope)
    for name, _ in pairs:
        if name not in PARAMETERS:
            message = f"Unknown query parameter {name[:50]!r}. Allowed: {', '.join(PARAMETERS)}."
            raise InvalidQuery(message)
    given = dict(pairs)
    if len(given) < len(pairs):
        message = "A query parameter must not be repeated."
        raise InvalidQuery(message)
    return given


def _status(text: str | None) -> Status | None:
    if text is None:
        return None
    if text not in set(Status):
        message = f"Invalid status {text[:50]!r}. Allowed: {', '.join(Status)}."
        raise InvalidQuery(message)
    return Status(text)


def _user_id(text: str | None) -> str | None:
    if text is not None and (problem := stored_identifier_problem(text)):
        message = f"The user_id {problem}."
        raise InvalidQuery(message)
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not LIMIT.fullmatch(text) or not text.isascii():
        message = f"Invalid limit {text[:50]!r}. It must be a whole number."
        raise InvalidQuery(message)
    return int(text)
