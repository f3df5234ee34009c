"""Conversion of JSON to new orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from order_engine.domain.content.attributes import JsonValue
from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.content.validation import validate
from order_engine.domain.errors import FieldError, InvalidOrder
from order_engine.domain.order import NewOrder
from order_engine.wire.i_json import read_json
from order_engine.wire.problems import MOST_ERRORS

REQUIRED = ("user_id", "item_ids", "total_amount")
PLACEHOLDER_ID = "made"
"""Placeholder for the id that the engine generates."""
LONGEST_QUOTED_NAME = 100
"""Longest name of an unknown field that is repeated to the client."""
FIELDS = frozenset({"order_id", *REQUIRED, "currency", "attributes"})
SYNONYMS: Final[Mapping[str, str]] = {
    other: name
    for name, others in {
        "order_id": "orderid id ordernumber ordername",
        "user_id": "userid user customer customerid client clientid buyer buyerid",
        "item_ids": "itemids items lineitems products skus",
        "total_amount": "totalamount total totalprice grandtotal amount sum",
        "currency": "currencycode",
        "attributes": "attribute metadata meta custom extra",
    }.items()
    for other in others.split()
}
"""Common names for the fields of an order, in lower case and without separators, and the names expected here."""


def read_order(text: bytes, limits: ContentLimits, trace_parent: str | None = None) -> NewOrder:
    """Parse an order from JSON. Raises MalformedJson, and InvalidOrder for anything but an object of its fields."""
    return new_order(read_json(text, limits), limits, trace_parent)


def new_order(value: JsonValue, limits: ContentLimits, trace_parent: str | None = None) -> NewOrder:
    """Convert a JSON value to an order. The engine validates the values of its fields when the order is placed.

    `trace_parent` is transmitted outside of the JSON. Raises InvalidOrder if fields are missing or unknown; the error
    then also lists all other problems. A null field counts as missing.
    """
    if not isinstance(value, dict):
        raise InvalidOrder((FieldError("", "must be a JSON object"),))
    order = _new_order(value, trace_parent)
    if value.keys() <= FIELDS and all(value.get(name) is not None for name in REQUIRED):
        return order
    raise InvalidOrder((*_shape_errors(value), *_other_errors(order, value, limits)))


def checked_order(order: NewOrder, limits: ContentLimits) -> NewOrder:
    """Return the order with validated and encoded attributes, so that placing it does not repeat this.

    For large orders, this is most of the work, and it may run in another thread. Raises InvalidOrder as placing does.
    """
    return replace(order, attributes=validate(order, PLACEHOLDER_ID, limits).attributes)


def order_id_in(value: JsonValue) -> str | None:
    """Return the order id in a JSON value, valid or not; None if there is none."""
    order_id = value.get("order_id") if isinstance(value, dict) else None
    return order_id if isinstance(order_id, str) else None


def _new_order(fields: Mapping[str, Any], trace_parent: str | None) -> NewOrder:
    """Copy the fields unchecked: the engine's validation checks every type."""
    get = fields.get
    return NewOrder(
        user_id=get("user_id"),  # type: ignore[arg-type]
        item_ids=get("item_ids"),  # type: ignore[arg-type]
        total_amount=get("total_amount"),  # type: ignore[arg-type]
        order_id=get("order_id"),
        currency=get("currency"),
        attributes=get("attributes"),
        trace_parent=trace_parent,
    )


def _shape_errors(fields: Mapping[str, JsonValue]) -> Iterator[FieldError]:
    for name in REQUIRED:
        if fields.get(name) is None:
            yield FieldError(f"/{name}", "is required")
    # A body may contain a hundred thousand names: report only the first ones.
    unknown = (name for name in fields if name not in FIELDS)
    yield from map(_unknown, islice(unknown, MOST_ERRORS))


def _unknown(name: str) -> FieldError:
    if len(name) > LONGEST_QUOTED_NAME:
        return FieldError("", f"has an unknown field, whose name is {len(name)} characters long")
    escaped = name.replace("~", "~0").replace("/", "~1")
    meant = SYNONYMS.get(name.lower().replace("_", "").replace("-", ""))
    advice = f'did you mean "{meant}"?' if meant else 'put data for the processor into "attributes"'
    return FieldError(f"/{escaped}", f"is not a field of an order: {advice}")


def _other_errors(order: NewOrder, fields: Mapping[str, JsonValue], limits: ContentLimits) -> Iterator[FieldError]:
    try:
        validate(order, PLACEHOLDER_ID, limits)
    except InvalidOrder as invalid:
        for error in invalid.errors:
            if fields.get(error.pointer.split("/")[1]) is not None:
                yield error
