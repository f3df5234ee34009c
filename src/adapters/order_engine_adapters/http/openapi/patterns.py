"""Regular expressions of the wire format, for schemas: what ECMA 262, RE2, Python, PCRE and .NET read in one way.

That leaves out look-ahead, properties of characters, long escapes, and every character beyond ASCII: some engines read
bytes, others pairs of surrogates. The slash is an escape, since generators write expressions between slashes. What
these expressions cannot say, descriptions say in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.content.validation import CURRENCY_LETTERS, LONGEST_KEY

_CONTROL: Final = r"\x00-\x1F\x7F"
IDENTIFIER: Final = rf"^[^ {_CONTROL}](?:[^{_CONTROL}]*[^ {_CONTROL}])?$"
"""What every identifier matches; the characters beyond ASCII that one does not hold are told in words."""
_OUTER: Final = rf"[^ \x2F{_CONTROL}]"
_INNER: Final = rf"[^\x2F{_CONTROL}]"
_NO_DOT: Final = rf"[^ .\x2F{_CONTROL}]"
ORDER_ID: Final = rf"^(?:\.?{_NO_DOT}|{_NO_DOT}{_OUTER}|{_OUTER}{_INNER}+{_OUTER})$"
"""What every new order's id matches: an identifier without a slash that is neither "." nor ".."."""
PATH_SEGMENT: Final = r"^(?:\.?[^.\x2F]|[^.\x2F][^\x2F]|[^\x2F][^\x2F]+[^\x2F])$"
"""What a URL path can carry, and so what every order's id matches, whatever the rule was when it was placed."""
NO_NUL: Final = r"^[^\x00]*$"
CURRENCY: Final = f"^[A-Za-z]{{{CURRENCY_LETTERS}}}$"
AMOUNT_TEXT: Final = r"^(?:0|[1-9][0-9]*)\.[0-9]{2,}$"
TRACE_PARENT: Final = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_TAG: Final = r'(?:W\x2F)?"[!#-~]*"'
ENTITY_TAGS: Final = rf"^[\t ,]*{_TAG}(?:[\t ]*,[\t ,]*{_TAG})*[\t ,]*$"
IDEMPOTENCY_KEY: Final = rf'^(?:"(?:[!#-\[\]-~]|\\["\\]){{1,{LONGEST_KEY}}}"|[!#-~][!-~]{{0,{LONGEST_KEY - 1}}})$'


def amount(limits: ContentLimits) -> str:
    """Return the expression of an amount: 0 to the largest in plain notation, with the decimals that it may have.

    What is written with an exponent matches whatever its value.
    """
    largest = str(int(limits.amount_maximum))
    decimals = rf"\.[0-9]{{1,{limits.amount_decimals}}}0*|" if limits.amount_decimals else ""
    below = "|".join(_below(largest))
    exponent = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[Ee](?:\+|-)?[0-9]+"
    return rf"^(?:-?0(?:\.0+)?|(?:{below})(?:{decimals}\.0+)?|{largest}(?:\.0+)?|{exponent})$"


def _below(largest: str) -> Iterator[str]:
    """Yield expressions of the whole numbers from 0 to below `largest`, by their length and first digits."""
    yield "0"
    if len(largest) > 1:
        yield f"[1-9][0-9]{{0,{len(largest) - 2}}}"
    for place, digit in enumerate(largest):
        lowest = 1 if place == 0 else 0
        if int(digit) > lowest:
            yield f"{largest[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{len(largest) - place - 1}}}"
