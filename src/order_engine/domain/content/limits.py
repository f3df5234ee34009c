"""Limits on the content of an order. Every limit is a setting; these are the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """Maximum content of an order.

    `identifier_characters` counts code points; `attributes_bytes` counts the compact JSON text in UTF-8; `nesting`
    counts levels from the order object, which is level 1; `number_characters` is the length of one number as written.
    """

    identifier_characters: int = 256
    items: int = 10_000
    amount_maximum: Decimal = Decimal(10**15)
    amount_decimals: int = 6
    attributes_bytes: int = 256 * 1024
    nesting: int = 32
    number_characters: int = 400


DEFAULT_LIMITS = ContentLimits()
