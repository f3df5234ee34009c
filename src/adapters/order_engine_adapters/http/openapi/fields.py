"""Parameters and headers of the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from order_engine.application.engine import DEFAULT_PAGE
from order_engine_adapters.http.openapi import examples, patterns
from order_engine_adapters.http.openapi.schemas import Schema, reference

TAGS: Final[Schema] = {
    "type": "string",
    # Two conditions instead of one pattern, so that request generators can produce valid values.
    "if": {"not": {"const": "*"}},
    "then": {"pattern": patterns.ENTITY_TAGS},
}


def parameters(page_limit: int) -> Mapping[str, Schema]:
    """Return every parameter by name; a page has at most `page_limit` orders.

    Names must differ from those of schemas, because generators create types for both.
    """
    limit = {"type": "integer", "minimum": 1, "maximum": page_limit, "default": min(DEFAULT_PAGE, page_limit)}
    return {
        "OrderInPath": {
            **_parameter(
                "path",
                "order_id",
                {"type": "string", "minLength": 1, "pattern": patterns.PATH_SEGMENT},
                "The order id, percent-encoded.",
            ),
            "required": True,
            "example": examples.NEW["order_id"],
        },
        "StatusFilter": _parameter("query", "status", reference("OrderStatus"), "Return only orders in this status."),
        "UserFilter": _parameter(
            "query",
            "user_id",
            {"type": "string", "minLength": 1, "pattern": patterns.NO_NUL},
            "Return only orders of this user, including orders stored under an earlier rule for ids.",
        ),
        "PageLimit": _parameter("query", "limit", limit, "Maximum number of orders per page."),
        "PageCursor": _parameter(
            "query", "cursor", {"type": "string"}, "The `next` of the previous page. Use it with the same filters."
        ),
        "IdempotencyKey": _parameter(
            "header",
            "Idempotency-Key",
            {"type": "string", "pattern": patterns.IDEMPOTENCY_KEY},
            "Quoted or bare. The same key with the same content returns the first response; with other content, 422. "
            "Only needed without `order_id`, which makes a request idempotent by itself.",
        ),
        "IfMatch": _parameter(
            "header", "If-Match", TAGS, "Act only if the order has one of these versions, else 412 (RFC 9110)."
        )
        | {"example": "*"},
        "IfNoneMatch": _parameter(
            "header", "If-None-Match", TAGS, "Return 304 without a body if one of these tags matches the current one."
        )
        | {"example": '"3"'},
        # The query variants are only described: a parameter with a similar name would rename this one in clients.
        "LastEventId": _parameter(
            "header",
            "Last-Event-ID",
            {"type": "string"},
            "Resume after this event: the last `id` received. Clients that cannot set the header send "
            "`lastEventId` or `last-event-id` in the query.",
        ),
        "Prefer": {
            **_parameter(
                "header",
                "Prefer",
                {"type": "string"},
                "`stream`: send results while orders are still arriving (RFC 7240). Requires a client, and proxies, "
                "that read and write at the same time. Other preferences are ignored.",
            ),
            "example": "stream",
        },
        "AssetInPath": {
            **_parameter("path", "asset", {"type": "string"}, "The file name."),
            "required": True,
            "example": "problems",
        },
    }


HEADERS: Final[Mapping[str, Schema]] = {
    "ETag": {
        "required": True,
        "description": "The current entity tag of the order, for `If-Match` and `If-None-Match`.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "Location": {
        "required": True,
        "description": "The path of the order, percent-encoded.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/orders/536366",
    },
    "IdempotentReplayed": {
        "description": "`true` if the order already existed; otherwise absent.",
        "schema": {"type": "string", "const": "true"},
    },
    "PreferenceApplied": {
        "description": "`stream` if the client requested it; otherwise absent.",
        "schema": {"type": "string", "const": "stream"},
    },
    "Link": {
        "description": "The next page, if any (RFC 8288).",
        "schema": {"type": "string"},
        "example": f'</orders?limit=100&cursor={examples.CURSOR}>; rel="next"',
    },
    "RetryAfter": {
        "required": True,
        "description": "Seconds to wait before retrying the same request.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWWAuthenticate": {
        "required": True,
        "description": "The authentication scheme (RFC 6750).",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "MissingScope": {
        "description": "The missing scope (RFC 6750); absent if the refusal has another reason.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="order_engine", error="insufficient_scope", scope="admin"',
    },
    "RequestId": {
        "required": True,
        "description": "The request id: the client's `X-Request-ID` if it is safe, else a generated one.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
        "example": "4a3a2a191a0e64b9-1f",
    },
    "Vary": {
        "required": True,
        "description": "The request fields that select the media type of the response.",
        "schema": {"type": "string"},
        "example": "Accept",
    },
}
"""Response headers by their names in the document."""

NAMES: Final[Mapping[str, str]] = {
    "IdempotentReplayed": "Idempotent-Replayed",
    "MissingScope": "WWW-Authenticate",
    "PreferenceApplied": "Preference-Applied",
    "RequestId": "X-Request-ID",
    "RetryAfter": "Retry-After",
    "WWWAuthenticate": "WWW-Authenticate",
}
"""Header names that differ from their names in the document."""
FIELDS_OF_REFUSALS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWWAuthenticate",),
    429: ("RetryAfter",),
    503: ("RetryAfter",),
}
"""Headers of every error with this status."""
FIELDS_OF_PROBLEMS: Final[Mapping[str, tuple[str, ...]]] = {"scope_missing": ("MissingScope",)}
"""Headers of a single problem."""


def headers(*names: str) -> Mapping[str, Schema]:
    """Return references to these headers by their names on the wire."""
    return {NAMES.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names}


def _parameter(place: str, name: str, schema: Mapping[str, Any], description: str) -> Schema:
    return {"in": place, "name": name, "schema": dict(schema), "description": description}
