"""Putting the document together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from order_engine.domain.limits import DEFAULT_LIMITS, ContentLimits
from order_engine_adapters.http.access import SCOPES
from order_engine_adapters.http.openapi.fields import HEADERS, parameters
from order_engine_adapters.http.openapi.operation import ALWAYS, BELOW, GUARDED, Operation
from order_engine_adapters.http.openapi.operations import OPERATIONS
from order_engine_adapters.http.openapi.problems import KnownProblem, known_problems
from order_engine_adapters.http.openapi.refusals import by_status, response, response_name
from order_engine_adapters.http.openapi.schemas import Schema, schemas

VERSION: Final = "3.1.1"
KEY: Final = "key"
"""The name of the way to show a key."""
BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of the service, with the scopes `read`, `write`, `metrics` or `admin`; `admin` opens all.",
}
ABOUT: Final = """\
Takes orders, keeps each exactly once, and drives every one of them to an end.

Every path answers HEAD as GET without a body, and OPTIONS with 204 and `Allow`; any other method is a 405. A path \
that is none is a 404. Every error is a problem document (RFC 9457) whose `code` stays the same. A 503 and a 429 say \
in `Retry-After` when to come back. Times are RFC 3339 in UTC with microseconds, and amounts are exact.

Four optional parameters carry what an earlier answer gave, or what an earlier request was bound to: `cursor`, \
`Last-Event-ID`, `If-Match` and `Idempotency-Key`. No schema tells a value that will be taken from one that was made \
up: that is a 422, 400, 412 or 422."""

Refusals: TypeAlias = Mapping[int, Sequence[KnownProblem]]
"""The problems that an operation may answer with, by their HTTP status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the document of one service is about: its limits, and whether it asks for keys."""

    content: ContentLimits = DEFAULT_LIMITS
    page_limit: int = 1000
    keys: bool = False


def document(described: Described) -> Mapping[str, Any]:
    """Return the document, for a service at the root of its host."""
    paths: dict[str, dict[str, Schema]] = {}
    responses: dict[str, Schema] = {}
    known = parameters(described.page_limit)
    for (path, method), operation in OPERATIONS.items():
        scope = SCOPES.get(path, {}).get(method) if described.keys else None
        refusals = _refusals(operation, guarded=scope is not None)
        paths.setdefault(path, {})[method.lower()] = _operation(operation, refusals, scope)
        responses |= {response_name(problems): response(problems) for problems in refusals.values()}
    return {
        "openapi": VERSION,
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS.values())],
        "paths": paths,
        "components": {
            "schemas": dict(schemas(described.content)),
            "parameters": dict(known),
            "headers": dict(HEADERS),
            "responses": responses,
            **({"securitySchemes": {KEY: BEARER}} if described.keys else {}),
        },
    }


def _info() -> Schema:
    return {
        "title": "order_engine",
        "version": version("order-engine"),
        "summary": "Orders, each kept exactly once and driven to an end.",
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _refusals(operation: Operation, *, guarded: bool) -> Refusals:
    anywhere = (problem.code for problem in known_problems() if problem.status in ALWAYS)
    return by_status([*operation.refusals, *BELOW, *anywhere, *(GUARDED if guarded else ())])


def _operation(operation: Operation, refusals: Refusals, scope: str | None) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
    }
    if operation.parameters:
        described["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = operation.body
    described["responses"] = {
        **{str(status): answer for status, answer in operation.answers.items()},
        **{
            str(status): {"$ref": f"#/components/responses/{response_name(problems)}"}
            for status, problems in refusals.items()
        },
    }
    if scope is not None:
        described["security"] = [{KEY: [str(scope)]}]
    return described
