"""Regular expressions of the wire format, for schemas: in the dialect of ECMA-262 that JSON Schema asks for.

They hold no look-ahead, which several languages' expressions do not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from order_engine.domain.limits import ContentLimits
from order_engine.domain.text import JOINERS, REFUSED
from order_engine.domain.validation import CURRENCY_LETTERS, LONGEST_KEY

LAST_OF_FIRST_PLANE: Final = 0xFFFF
SURROGATES: Final = (0xD800, 0xDFFF)
"""Left out of the expressions: no JSON text that is valid holds one, and not every dialect can name one."""


def _escaped(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\u{first:04X}-\\u{last:04X}" for first, last in ranges)


def _literal(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_REFUSED: Final = _escaped(pair for pair in REFUSED if pair[1] <= LAST_OF_FIRST_PLANE and pair != SURROGATES)
_JOINERS: Final = "".join(f"\\u{ord(each):04X}" for each in JOINERS)
IDENTIFIER: Final = f"^[^{_REFUSED}{_JOINERS} ](?:[^{_REFUSED}]*[^{_REFUSED}{_JOINERS} ])?$"
"""What an identifier matches. It names no code point beyond the first plane: some languages' expressions cannot."""
NO_IDENTIFIER: Final = f"[{_literal(pair for pair in REFUSED if pair[0] > LAST_OF_FIRST_PLANE)}]"
"""What an identifier must not match besides: the characters beyond the first plane that it does not hold."""
NO_ORDER_ID: Final = rf"^\.{{1,2}}$|/|{NO_IDENTIFIER}"
"""What an identifier must not match to be an order's: a URL path would not carry it back."""
NO_NUL: Final = r"^[^\x00]*$"
NEW_CURRENCY: Final = f"^[A-Za-z]{{{CURRENCY_LETTERS}}}$"
CURRENCY: Final = f"^[A-Z]{{{CURRENCY_LETTERS}}}$"
AMOUNT_TEXT: Final = r"^(?:0|[1-9][0-9]*)\.[0-9]{2,}$"
TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
ENTITY_TAG: Final = r'^"[1-9][0-9]*"$'
ENTITY_TAGS: Final = r'^(?:W/)?"[!#-~]*"(?:, ?(?:W/)?"[!#-~]*")*$'
TRACE_PARENT: Final = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
IDEMPOTENCY_KEY: Final = rf'^(?:"(?:[!#-\[\]-~]|\\["\\]){{1,{LONGEST_KEY}}}"|[!#-~][!-~]{{0,{LONGEST_KEY - 1}}})$'


def amount(limits: ContentLimits) -> str:
    """Return the expression of an amount in plain notation: 0 to the largest, with the decimals that it may have.

    The service reads exponents as well (5e1); what this expression admits, it takes in any case.
    """
    largest = str(int(limits.amount_maximum))
    decimals = rf"\.[0-9]{{1,{limits.amount_decimals}}}0*|" if limits.amount_decimals else ""
    below = "|".join(_below(largest))
    return rf"^-?0(?:\.0+)?$|^(?:{below})(?:{decimals}\.0+)?$|^{largest}(?:\.0+)?$"


def _below(largest: str) -> Iterator[str]:
    """Yield expressions of the whole numbers from 0 to below `largest`, by their length and first digits."""
    yield "0"
    if len(largest) > 1:
        yield f"[1-9][0-9]{{0,{len(largest) - 2}}}"
    for place, digit in enumerate(largest):
        lowest = 1 if place == 0 else 0
        if int(digit) > lowest:
            yield f"{largest[:place]}[{lowest}-{int(digit) - 1}][0-9]{{{len(largest) - place - 1}}}"
