"""Parameters and header fields, each described once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from order_engine.application.engine import DEFAULT_PAGE
from order_engine_adapters.http.openapi import examples, patterns
from order_engine_adapters.http.openapi.schemas import Schema, reference

TAGS: Final[Schema] = {
    "type": "string",
    # Rather than one expression for both: generators of requests then find values for the field by themselves.
    "if": {"not": {"const": "*"}},
    "then": {"pattern": patterns.ENTITY_TAGS},
}


def parameters(page_limit: int) -> Mapping[str, Schema]:
    """Return every parameter by its name in the document; a page has at most `page_limit` orders.

    Each name is one that no schema has: generators make types of both.
    """
    limit = {"type": "integer", "minimum": 1, "maximum": page_limit, "default": min(DEFAULT_PAGE, page_limit)}
    return {
        "OrderInPath": {
            **_parameter(
                "path",
                "order_id",
                {"type": "string", "minLength": 1, "pattern": patterns.PATH_SEGMENT},
                "The order, percent-encoded where it has to be.",
            ),
            "required": True,
            "example": examples.NEW["order_id"],
        },
        "StatusFilter": _parameter("query", "status", reference("OrderStatus"), "Only orders in this status."),
        "UserFilter": _parameter(
            "query",
            "user_id",
            {"type": "string", "minLength": 1, "pattern": patterns.NO_NUL},
            "Only orders of this user. Those that were stored under an earlier rule for ids are found as well.",
        ),
        "PageLimit": _parameter("query", "limit", limit, "Orders in one page."),
        "PageCursor": _parameter(
            "query", "cursor", {"type": "string"}, "Where to go on: the `next` of an earlier page, with its filters."
        ),
        "IdempotencyKey": _parameter(
            "header",
            "Idempotency-Key",
            {"type": "string", "pattern": patterns.IDEMPOTENCY_KEY},
            "Quoted or bare. The same key with the same content gives the first answer; with other content, 422. "
            "Needed only where the server makes the id: an `order_id` does the same by itself.",
        ),
        "IfMatch": _parameter(
            "header", "If-Match", TAGS, "Only if the order is still at one of these versions, else 412 (RFC 9110)."
        )
        | {"example": "*"},
        "IfNoneMatch": _parameter(
            "header", "If-None-Match", TAGS, "304 without a body where one of these tags is still that of the answer."
        )
        | {"example": '"3"'},
        # The query in words alone: a parameter of nearly the same name would rename this one in generated clients.
        "LastEventId": _parameter(
            "header",
            "Last-Event-ID",
            {"type": "string"},
            "Go on after this event: the last `id` that was received. A client that cannot set the field sends "
            "`lastEventId` or `last-event-id` in the query.",
        ),
        "Prefer": {
            **_parameter(
                "header",
                "Prefer",
                {"type": "string"},
                "`stream`: answer while orders still come in (RFC 7240). For clients that read while they send, with "
                "no proxy in between that does not. Other preferences are ignored.",
            ),
            "example": "stream",
        },
        "AssetInPath": {
            **_parameter("path", "asset", {"type": "string"}, "The name of the part."),
            "required": True,
            "example": "problems",
        },
    }


HEADERS: Final[Mapping[str, Schema]] = {
    "ETag": {
        "required": True,
        "description": "The tag of the order as it is, for `If-Match` and `If-None-Match`.",
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
        "description": "`true` where the order was there already; absent otherwise.",
        "schema": {"type": "string", "const": "true"},
    },
    "PreferenceApplied": {
        "description": "`stream` where the client preferred that; absent otherwise.",
        "schema": {"type": "string", "const": "stream"},
    },
    "Link": {
        "description": "The next page, where there is one (RFC 8288).",
        "schema": {"type": "string"},
        "example": f'</orders?limit=100&cursor={examples.CURSOR}>; rel="next"',
    },
    "RetryAfter": {
        "required": True,
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "WWWAuthenticate": {
        "required": True,
        "description": "How to show a key (RFC 6750).",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "MissingScope": {
        "description": "Which scope the key lacks (RFC 6750); absent where it is not the key.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="order_engine", error="insufficient_scope", scope="admin"',
    },
    "RequestId": {
        "required": True,
        "description": "The name of the request: the client's `X-Request-ID` where that is sane, else one made here.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
        "example": "4a3a2a191a0e64b9-1f",
    },
    "Vary": {
        "required": True,
        "description": "What of the request the form of the answer depends on.",
        "schema": {"type": "string"},
        "example": "Accept",
    },
}
"""Header fields of answers, by their names in the document."""

NAMES: Final[Mapping[str, str]] = {
    "IdempotentReplayed": "Idempotent-Replayed",
    "MissingScope": "WWW-Authenticate",
    "PreferenceApplied": "Preference-Applied",
    "RequestId": "X-Request-ID",
    "RetryAfter": "Retry-After",
    "WWWAuthenticate": "WWW-Authenticate",
}
"""The names of fields that a name in the document cannot spell, or should not."""
FIELDS_OF_REFUSALS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWWAuthenticate",),
    429: ("RetryAfter",),
    503: ("RetryAfter",),
}
"""The header fields that every refusal with this status carries."""
FIELDS_OF_PROBLEMS: Final[Mapping[str, tuple[str, ...]]] = {"scope_missing": ("MissingScope",)}
"""The header fields that one problem carries, and others with its status do not."""


def headers(*names: str) -> Mapping[str, Schema]:
    """Return references to these header fields by the names that they have on the wire."""
    return {NAMES.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names}


def _parameter(place: str, name: str, schema: Mapping[str, Any], description: str) -> Schema:
    return {"in": place, "name": name, "schema": dict(schema), "description": description}
