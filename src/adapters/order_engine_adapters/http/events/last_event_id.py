"""The id of the last event that a client received, from the header or the query.

The standard defines only the header. Clients that cannot set it, or want to avoid a preflight request, send a query
parameter. event-source-polyfill sends `lastEventId` by default.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Scope

from order_engine.domain.errors import InvalidQuery
from order_engine_adapters.http.errors import InvalidHeader
from order_engine_adapters.http.events.sse import BEGINNING, Position
from order_engine_adapters.http.messages.query import query_pairs
from order_engine_adapters.http.messages.requests import header_values

VISIBLE: Final = re.compile(r"[!-~]+")
ORDER_EVENT_ID: Final = re.compile("(0|[1-9][0-9]{0,8})-([0-9a-f]{16})")
PARAMETERS: Final = ("lastEventId", "last-event-id")
"""Query parameters that replace the header, in any case, and with `_` for `-`."""
SPELLINGS: Final = frozenset(name.lower() for name in PARAMETERS)
PASSED_OVER: Final = frozenset({"_", "padding", "stream"})
"""Parameters that clients add and the service ignores: `_` against caches (jQuery), `padding` for browsers that buffer
(event-source-polyfill), `stream` for one of several (r3labs/sse)."""


def last_event_id(scope: Scope) -> str | None:
    """Return the last event id, or None if it is absent or empty. Raises InvalidHeader and InvalidQuery.

    The header takes precedence: a browser repeats the URL of its page and sends newer ids in the header.
    """
    in_query = _in_query(scope)
    text = _in_field(scope) or in_query
    if text and not VISIBLE.fullmatch(text):
        raise foreign_id()
    return text or None


def last_position(scope: Scope) -> Position | None:
    """Return the position of the last event of an order's stream, or None if absent."""
    text = last_event_id(scope)
    if text is None:
        return None
    match = ORDER_EVENT_ID.fullmatch(text)
    if match is None:
        raise foreign_id()
    position = Position(int(match[1]), match[2])
    if position.version == BEGINNING.version and position != BEGINNING:
        raise foreign_id()
    return position


def foreign_id() -> InvalidHeader:
    """Return the error for an unknown event id."""
    return InvalidHeader(
        "The Last-Event-ID does not belong to this stream, or a restore or failover discarded its history. "
        "Reconnect without Last-Event-ID."
    )


def _in_field(scope: Scope) -> str:
    """Return the id in the header, the last one of several; empty if absent.

    A client that starts with the header and adds its own at a reconnect sends both, as two fields or joined with a
    comma and a space. No id contains these.
    """
    given = header_values(scope, b"last-event-id")
    return given[-1].decode("latin-1").rpartition(", ")[2].strip(" \t") if given else ""


def _in_query(scope: Scope) -> str:
    """Return the id in the query, the last one of several: clients append theirs to the given URL."""
    if not scope["query_string"]:
        return ""
    text = ""
    for name, value in query_pairs(scope):
        if name.lower().replace("_", "-") in SPELLINGS:
            text = value
        elif name not in PASSED_OVER:
            message = f"Unknown query parameter {name[:50]!r}. Allowed: {', '.join(PARAMETERS)}."
            raise InvalidQuery(message)
    return text
