"""Limits on the content of an order. Every limit is a setting; these are the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from order_engine.domain.setting import PLACING, Commands, Group, Setting, check, count, declare

COMMANDS = PLACING | Commands.OPENAPI
limit: partial[int] = partial(count, group=Group.LIMITS, commands=COMMANDS)


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """Maximum content of an order.

    `identifier_characters` counts code points; `attributes_bytes` counts the compact JSON text in UTF-8; `nesting`
    counts levels from the order object, which is level 1; `number_characters` is the length of one number as written.

    Raises InvalidSetting for a value out of its range.
    """

    identifier_characters: int = limit(
        256, "Maximum length of an order, user or item id, in characters.", name="max_identifier_characters"
    )
    items: int = limit(10_000, "Maximum number of items in an order.", name="max_items")
    amount_maximum: Decimal = declare(
        Setting(
            kind=Decimal,
            default=Decimal(10**15),
            description="Maximum total amount of an order.",
            name="max_total_amount",
            exclusive_minimum=True,
            group=Group.LIMITS,
            commands=COMMANDS,
        )
    )
    amount_decimals: int = limit(
        6, "Maximum number of decimal places of an amount.", name="max_amount_decimals", minimum=0, maximum=18
    )
    attributes_bytes: int = limit(
        256 * 1024, "Maximum size of the attributes of an order, in bytes of JSON.", name="max_attributes_bytes"
    )
    nesting: int = limit(
        32, "Maximum nesting of an order in JSON, in levels.", name="max_nesting", minimum=2, maximum=200
    )
    number_characters: int = limit(
        400,
        "Maximum length of a number in the JSON of an order, in characters.",
        name="max_number_characters",
        maximum=4000,
    )

    def __post_init__(self) -> None:
        """Check every limit."""
        check(self)


DEFAULT_LIMITS = ContentLimits()
