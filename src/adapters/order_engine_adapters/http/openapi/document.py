"""Assembly of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from order_engine.domain.content.limits import DEFAULT_LIMITS, ContentLimits
from order_engine_adapters.http.access.guard import SCOPES
from order_engine_adapters.http.openapi.error_responses import by_status, examples_of, response
from order_engine_adapters.http.openapi.fields import HEADERS, parameters
from order_engine_adapters.http.openapi.known_problems import KnownProblem, known_problems
from order_engine_adapters.http.openapi.operation import (
    ACCESS_PROBLEMS,
    COMMON_STATUSES,
    CONNECTION_PROBLEMS,
    Operation,
)
from order_engine_adapters.http.openapi.operations import OPERATIONS, TAGS
from order_engine_adapters.http.openapi.schemas import Schema, schemas

VERSION: Final = "3.1.1"
BEARER: Final = "bearer"
"""Name of the security scheme."""
SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key with the scopes `read`, `write`, `metrics` or `admin`. `admin` includes all scopes. A "
    "service without API keys accepts every request.",
}
ABOUT: Final = """\
Accepts orders, stores each exactly once, and processes every order to a final status.

Every path answers HEAD like GET without a body, and OPTIONS with 204 and `Allow`. Any other method returns 405. An \
unknown path returns 404. Every error is a problem document (RFC 9457) with a stable `code`. Responses with 503 and \
429 have `Retry-After`. Times are RFC 3339 in UTC with microseconds. Amounts are exact.

Four optional parameters take values from earlier responses or requests: `cursor`, `Last-Event-ID`, `If-Match` and \
`Idempotency-Key`. A schema cannot tell a valid value from an invented one. Invented values return 422, 400, 412 and \
422 respectively.

Later versions may add members to response objects, and values to sets that are not an `enum`. Clients must ignore \
members and values that they do not know."""

Refusals: TypeAlias = Mapping[int, Sequence[KnownProblem]]
"""Problems of an operation by HTTP status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOptions:
    """Properties of a service that the document depends on: limits and API keys."""

    content: ContentLimits = DEFAULT_LIMITS
    page_limit: int = 1000
    keys: bool = False


def document(described: DocumentOptions) -> Mapping[str, Any]:
    """Return the document of a service at the root of its host.

    Only `security` depends on API keys, so that a client generated from one service works with all others.
    """
    paths: dict[str, dict[str, Schema]] = {}
    met: set[KnownProblem] = set()
    for (path, method), operation in OPERATIONS.items():
        scope = SCOPES.get(path, {}).get(method)
        refusals = _refusals(operation, guarded=scope is not None)
        met.update(*refusals.values())
        paths.setdefault(path, {})[method.lower()] = {
            **_operation(operation, refusals, scope),
            "security": _security(scope, keys=described.keys),
        }
    return {
        "openapi": VERSION,
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(schemas(described.content)),
            "parameters": dict(parameters(described.page_limit)),
            "headers": dict(HEADERS),
            "examples": examples_of(met),
            "securitySchemes": {BEARER: SCHEME},
        },
    }


def _info() -> Schema:
    return {
        "title": "order_engine",
        "version": version("order-engine"),
        "summary": "Stores each order exactly once and processes it to a final status.",
        "description": ABOUT,
        "contact": {"name": "The operator of this service"},
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _refusals(operation: Operation, *, guarded: bool) -> Refusals:
    anywhere = (problem.code for problem in known_problems() if problem.status in COMMON_STATUSES)
    return by_status([*operation.refusals, *CONNECTION_PROBLEMS, *anywhere, *(ACCESS_PROBLEMS if guarded else ())])


def _security(scope: str | None, *, keys: bool) -> list[Schema]:
    """Return the security requirements: optional, required, or none."""
    if scope is None:
        return []
    # Several validators accept scopes only for OAuth 2.0 schemes.
    return [*([] if keys else [{}]), {BEARER: []}]


def _operation(operation: Operation, refusals: Refusals, scope: str | None) -> Schema:
    needed = "" if scope is None else f"\n\nRequired scope: `{scope}`."
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}{needed}",
    }
    if operation.parameters:
        described["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = operation.body
    described["responses"] = {
        **{str(status): answer for status, answer in operation.answers.items()},
        **{str(status): response(problems) for status, problems in refusals.items()},
    }
    return described
