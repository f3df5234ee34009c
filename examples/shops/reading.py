"""Reading an export: JSON, its numbers exact, and what the mappings share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]
"""An order as the shop writes it."""
WireOrder: TypeAlias = dict[str, Any]
"""An order as `POST /orders` and `order-engine import` take it."""


def read_document(text: str) -> Document:
    """Return the document of an order. Amounts must not pass through a float, so numbers with a point are decimals."""
    document: Document = json.loads(text, parse_float=Decimal)
    return document


def in_minor_units(amount: int, decimals: int) -> str:
    """Return an amount that is counted in its smallest unit, such as 1990 cents, as a plain number: "19.90"."""
    return format(Decimal(amount).scaleb(-decimals), "f")
