"""The schemas of what a client sends: an order to place, and its fields."""

from __future__ import annotations

from collections.abc import Mapping

from order_engine.domain.content.limits import ContentLimits
from order_engine.wire.intake import REQUIRED
from order_engine_adapters.http.openapi import patterns
from order_engine_adapters.http.openapi.schemas.shapes import Schema, or_null, reference, sent

IDENTIFIER = (
    "Letters, marks, numbers, punctuation, symbols and, inside, the space and the joiners U+200C and U+200D; no "
    "control, other format, surrogate, private-use or other separator character, and no noncharacter, of which the "
    "expression names those of ASCII alone. Case counts."
)


def placements(limits: ContentLimits) -> Mapping[str, Schema]:
    """Return these schemas by their names.

    Texts have none: a generator that makes types of them gives every text of the document the name of the first.
    """
    return {"OrderPlacement": _placement(limits), "Amount": _amount(limits), "Attributes": _attributes(limits)}


def _placement(limits: ContentLimits) -> Schema:
    order_id = _text(limits, patterns.ORDER_ID)
    members: Mapping[str, Schema] = {
        "order_id": or_null(
            order_id,
            'Made by the server where it is absent. As an id of a user, and without "/", and neither "." nor "..": a '
            "URL path carries it back.",
        ),
        "user_id": {**_text(limits, patterns.IDENTIFIER), "description": IDENTIFIER},
        "item_ids": {
            "type": "array",
            "items": _text(limits, patterns.IDENTIFIER),
            "maxItems": limits.items,
            "description": "Each as an id of a user. Repeats are allowed; the order counts. Empty for a gift card or a "
            "fee.",
        },
        "total_amount": reference("Amount"),
        "currency": or_null({"type": "string", "pattern": patterns.CURRENCY}, "As in ISO 4217; kept in upper case."),
        "attributes": or_null(reference("Attributes")),
    }
    return sent(members, "An order as a client places it. Null is absent.", required=REQUIRED)


def _text(limits: ContentLimits, pattern: str) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": limits.identifier_characters, "pattern": pattern}


def _amount(limits: ContentLimits) -> Schema:
    maximum = int(limits.amount_maximum)
    decimals = f"no more than {limits.amount_decimals} decimals, trailing zeros aside"
    text = {
        "type": "string",
        "maxLength": limits.number_characters,
        "pattern": patterns.amount(limits),
        "description": "A number as JSON writes one, with or without an exponent.",
    }
    # Without `multipleOf`: validators that divide binary floats would refuse 22.2.
    number = {
        "type": "number",
        "format": "double",
        "minimum": 0,
        "maximum": maximum,
        "description": "Read to its last digit. A text is safer where anything on the way reads numbers as floats.",
    }
    return {"anyOf": [text, number], "description": f"0 to {maximum}, exact, with {decimals}."}


def _attributes(limits: ContentLimits) -> Schema:
    return {
        "type": "object",
        "additionalProperties": True,
        "description": f"Any JSON object for the processor, of up to {limits.attributes_bytes} bytes as compact "
        f"JSON; its numbers keep their digits. No text in it holds U+0000, and the order, whose object is level 1, "
        f"is nested over {limits.nesting} levels at most.",
    }
