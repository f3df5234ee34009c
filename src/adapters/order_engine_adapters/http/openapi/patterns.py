"""Regular expressions for schemas that ECMA 262, RE2, Python, PCRE and .NET interpret alike.

This excludes look-ahead, character properties, long escapes and every character beyond ASCII: some engines match bytes,
others surrogate pairs. The slash is escaped, since generators write expressions between slashes. Descriptions state
what these expressions cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.content.validation import CURRENCY_LETTERS, LONGEST_KEY

_CONTROL: Final = r"\x00-\x1F\x7F"
IDENTIFIER: Final = rf"^[^ {_CONTROL}](?:[^{_CONTROL}]*[^ {_CONTROL}])?$"
"""Pattern of identifiers. Descriptions list the excluded characters beyond ASCII."""
_OUTER: Final = rf"[^ \x2F{_CONTROL}]"
_INNER: Final = rf"[^\x2F{_CONTROL}]"
_NO_DOT: Final = rf"[^ .\x2F{_CONTROL}]"
ORDER_ID: Final = rf"^(?:\.?{_NO_DOT}|{_NO_DOT}{_OUTER}|{_OUTER}{_INNER}+{_OUTER})$"
"""Pattern of new order ids: an identifier without a slash that is neither "." nor ".."."""
PATH_SEGMENT: Final = r"^(?:\.?[^.\x2F]|[^.\x2F][^\x2F]|[^\x2F][^\x2F]+[^\x2F])$"
"""Pattern of a URL path segment. Every order id matches it, whatever rule applied when it was placed."""
NO_NUL: Final = r"^[^\x00]*$"
CURRENCY: Final = f"^[A-Za-z]{{{CURRENCY_LETTERS}}}$"
AMOUNT_TEXT: Final = r"^(?:0|[1-9][0-9]*)\.[0-9]{2,}$"
TRACE_PARENT: Final = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_TAG: Final = r'(?:W\x2F)?"[!#-~]*"'
ENTITY_TAGS: Final = rf"^[\t ,]*{_TAG}(?:[\t ]*,[\t ,]*{_TAG})*[\t ,]*$"
IDEMPOTENCY_KEY: Final = rf'^(?:"(?:[!#-\[\]-~]|\\["\\]){{1,{LONGEST_KEY}}}"|[!#-~][!-~]{{0,{LONGEST_KEY - 1}}})$'


def amount(limits: ContentLimits) -> str:
    """Return the pattern of an amount in plain notation: 0 to the maximum with the allowed decimals.

    Every value with an exponent matches.
    """
    largest = str(int(limits.amount_maximum))
    decimals = rf"\.[0-9]{{1,{limits.amount_decimals}}}0*|" if limits.amount_decimals else ""
    below = "|".join(_below(largest))
    exponent = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[Ee](?:\+|-)?[0-9]+"
    return rf"^(?:-?0(?:\.0+)?|(?:{below})(?:{decimals}\.0+)?|{largest}(?:\.0+)?|{exponent})$"


def _below(largest: str) -> Iterator[str]:
    """Yield patterns of the whole numbers below `largest`, by length and leading digits."""
    yield "0"
    if len(largest) > 1:
        yield f"[1-9][0-9]{{0,{len(largest) - 2}}}"
    for place, digit in enumerate(largest):
        lowest = 1 if place == 0 else 0
        if int(digit) > lowest:
            yield f"{largest[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{len(largest) - place - 1}}}"
