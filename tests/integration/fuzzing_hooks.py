"""What a schema cannot tell the fuzzer, and what it needs to send newline-delimited JSON."""

from __future__ import annotations

from itertools import count
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

CONDITIONS = ("If-Match", "If-None-Match")
IDENTIFIERS = {"order_id", "user_id"}
MOST_DECIMALS = 6
_keys = count(1)


@schemathesis.serializer("application/x-ndjson")
def newline_delimited(_: object, value: Any) -> bytes:  # noqa: ANN401 - whatever the fuzzer makes
    """Send a text as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def map_case(_: HookContext, case: Case[Any]) -> Case[Any]:
    """Make what is valid by the schema valid by what only words can say."""
    if not case.meta or case.meta.generation.mode.is_negative:
        return case
    # A cursor is what a page gave, and nothing else.
    case.query.pop("cursor", None)
    if case.headers and "Idempotency-Key" in case.headers:
        # A key is for one content.
        case.headers["Idempotency-Key"] = f"key-{next(_keys)}"
    for name in CONDITIONS:
        # Where the fuzzer finds no value for a pattern, it sends 0 and takes it for a match.
        if case.headers and str(case.headers.get(name)) == "0":
            del case.headers[name]
    if case.headers and "Last-Event-ID" in case.headers:
        # The id of an event is what a stream gave, and nothing else.
        del case.headers["Last-Event-ID"]
    if "user_id" in case.query:
        case.query["user_id"] = _assigned(case.query["user_id"])
    _correct_order(case.body)
    return case


def _correct_order(body: Any) -> None:  # noqa: ANN401 - whatever the fuzzer makes
    if not isinstance(body, dict):
        return
    amount = body.get("total_amount")
    if isinstance(amount, float):
        body["total_amount"] = round(amount, MOST_DECIMALS)
    for name in IDENTIFIERS & body.keys():
        body[name] = _assigned(body[name])
    if isinstance(body.get("item_ids"), list):
        body["item_ids"] = [_assigned(item_id) for item_id in body["item_ids"]]
    if isinstance(body.get("attributes"), dict):
        body["attributes"] = _without_nul(body["attributes"])


def _assigned(text: Any) -> Any:  # noqa: ANN401 - whatever the fuzzer makes
    """Replace the characters that the fuzzer takes for marks or symbols, and that Unicode has not assigned."""
    return "".join(each if each.isprintable() else "?" for each in text) if isinstance(text, str) else text


def _without_nul(value: Any) -> Any:  # noqa: ANN401 - whatever the fuzzer makes
    if isinstance(value, str):
        return value.replace("\0", "?")
    if isinstance(value, list):
        return [_without_nul(member) for member in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(member) for name, member in value.items()}
    return value
