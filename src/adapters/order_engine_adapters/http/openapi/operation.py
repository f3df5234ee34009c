"""An operation: a method of a path with its description, parameters and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from order_engine_adapters.http.openapi.fields import headers
from order_engine_adapters.http.openapi.schemas import Schema, reference

JSON_TYPE: Final = "application/json"
COMMON_STATUSES: Final = frozenset({408, 414, 429, 431, 500})
"""Statuses that any request may get: timeout, limits and internal errors."""
CONNECTION_PROBLEMS: Final = frozenset({"malformed_request", "connections_exhausted"})
"""Problems that any request may get before routing, besides those of COMMON_STATUSES."""
ACCESS_PROBLEMS: Final = frozenset({"key_missing", "key_refused", "scope_missing"})
"""Problems of requests with a missing, invalid or insufficient API key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`name` is the operation id; `parameters` are names in the document.

    `refusals` are codes of the problems of this operation, in addition to the common ones.
    """

    name: str
    tag: str
    summary: str
    description: str
    answers: Mapping[int, Schema]
    parameters: Sequence[str] = ()
    body: Schema | None = None
    refusals: Sequence[str] = field(default=())


def json_answer(description: str, schema: str, example: object, *fields: str) -> Schema:
    """Return a JSON response with an example and these headers."""
    return _answer(description, {JSON_TYPE: {"schema": reference(schema), "example": example}}, *fields)


def other_answer(description: str, contents: Mapping[str, Schema], *fields: str) -> Schema:
    """Return a response with other media types."""
    return _answer(description, contents, *fields)


def empty_answer(description: str, *fields: str) -> Schema:
    """Return a response without a body."""
    return _answer(description, {}, *fields)


def text_content(description: str, example: str) -> Schema:
    """Return the content of a text media type."""
    return {"schema": {"type": "string", "description": description}, "example": example}


def _answer(description: str, contents: Mapping[str, Schema], *fields: str) -> Schema:
    answer: Schema = {"description": description, "headers": dict(headers(*fields, "RequestId"))}
    if contents:
        answer["content"] = dict(contents)
    return answer
