"""Exact amounts: every digit is kept, and no amount is ever converted to or from a float."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from order_engine.domain.content.limits import ContentLimits

# Number grammar of RFC 8259, section 6: ASCII digits only.
NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
# Fast path: the notation that nearly every shop uses.
PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]{0,11})\.[0-9]{2}")
PLAIN_DECIMALS: Final = 2
ZERO: Final = Decimal("0.00")
NEGATIVE: Final = (
    "must not be negative. Place a refund as a separate order with a positive amount, and mark it as a refund in "
    "attributes"
)


class AmountProblem(ValueError):
    """Invalid amount; the message is meant for the client."""


def parse_amount(value: object, limits: ContentLimits) -> Decimal:
    """Return the exact amount with two decimal places, or more if needed.

    Accepts a Decimal, an int, or a string in JSON number syntax. Raises AmountProblem for a float, a boolean, a
    negative amount, more than `limits.amount_decimals` decimal places (ignoring trailing zeros), or more than
    `limits.amount_maximum`.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, Decimal):
        if not value.is_finite():
            message = "must be finite, with an exponent in range"
            raise AmountProblem(message)
        text = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        text = _integer_text(value, limits)
    elif isinstance(value, float):
        message = "must be a string, an integer or a Decimal: a float is not exact"
        raise AmountProblem(message)
    else:
        message = "must be a number or a numeric string"
        raise AmountProblem(message)
    if PLAIN.fullmatch(text) and limits.amount_decimals >= PLAIN_DECIMALS:
        amount = Decimal(text)
    else:
        amount = _exact(text, limits)
    if amount > limits.amount_maximum:
        raise _too_large(limits)
    return amount


def amount_text(amount: Decimal) -> str:
    """Return the amount in plain notation, for example "50.00" or "0.001"."""
    return format(amount, "f")


def _integer_text(value: int, limits: ContentLimits) -> str:
    # Compare as integers, before conversion: the text of a huge integer takes quadratic time, and so does the Decimal
    # that Python creates to compare it with another.
    if value > int(limits.amount_maximum):
        raise _too_large(limits)
    if value < 0:
        raise _negative()
    return str(value)


def _exact(text: str, limits: ContentLimits) -> Decimal:
    if len(text) > limits.number_characters:
        message = f"must be at most {limits.number_characters} characters long"
        raise AmountProblem(message)
    match = NUMBER.fullmatch(text)
    if match is None:
        message = 'must be a number in JSON syntax, for example "50.00"'
        raise AmountProblem(message)
    sign, whole, fraction, power = match.group(1), match.group(2), match.group(3) or "", match.group(4)
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return ZERO
    if sign:
        raise _negative()
    significant = digits.rstrip("0")
    exponent = int(power or 0) - len(fraction) + len(digits) - len(significant)
    if -exponent > limits.amount_decimals:
        message = f"must have at most {limits.amount_decimals} decimal places"
        raise AmountProblem(message)
    if len(significant) + exponent > limits.amount_maximum.adjusted() + 1:
        raise _too_large(limits)
    padding = max(exponent + PLAIN_DECIMALS, 0)
    return Decimal(f"{significant}{'0' * padding}E{exponent - padding}")


def _negative() -> AmountProblem:
    return AmountProblem(NEGATIVE)


def _too_large(limits: ContentLimits) -> AmountProblem:
    return AmountProblem(f"must be at most {limits.amount_maximum:f}")
