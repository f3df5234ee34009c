"""Where a client goes on from: the id of the last event that it has seen, in any way that clients of streams send it.

The standard knows the header field only. Clients that cannot set it, or need not ask another origin's permission
without it, send a query parameter instead: event-source-polyfill does so by itself, as `lastEventId`.
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
"""The query parameters that are taken for the field, in any case, and with `_` for `-`."""
SPELLINGS: Final = frozenset(name.lower() for name in PARAMETERS)
PASSED_OVER: Final = frozenset({"_", "padding", "stream"})
"""Parameters that clients add by themselves and that mean nothing here: `_` so that no cache answers (jQuery),
`padding` for browsers that would wait for more (event-source-polyfill), `stream` for one of several (r3labs/sse)."""


def last_event_id(scope: Scope) -> str | None:
    """Return the last event id; None where there is none, or an empty one. Raises InvalidHeader, InvalidQuery.

    The field goes before the parameter: a browser repeats the URL that its page gave, and sends in the field what has
    come since.
    """
    in_query = _in_query(scope)
    text = _in_field(scope) or in_query
    if text and not VISIBLE.fullmatch(text):
        raise foreign_id()
    return text or None


def last_position(scope: Scope) -> Position | None:
    """Return the position that the last event id of one order's events names; None where there is none."""
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
    """Return the error for an id that no event here has."""
    return InvalidHeader(
        "The Last-Event-ID does not belong to this stream, or a restore or failover discarded its history. "
        "Reconnect without Last-Event-ID."
    )


def _in_field(scope: Scope) -> str:
    """Return the id in the header field, of several the last; empty where there is none.

    A client that was given the field at its start, and adds its own when it connects again, sends both, in two fields
    or joined to one by a comma and a space, which no id holds.
    """
    given = header_values(scope, b"last-event-id")
    return given[-1].decode("latin-1").rpartition(", ")[2].strip(" \t") if given else ""


def _in_query(scope: Scope) -> str:
    """Return the id in the query, of several the last: clients append theirs to what the URL has already."""
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
