"""Identifiers and reasons: which text an order may carry."""

from __future__ import annotations

import sys
import unicodedata
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.content.text import (
    INNER_ONLY,
    LONGEST_REASON,
    REFUSED,
    REPLACEMENT,
    identifier_problem,
    order_id_problem,
    storable_reason,
    stored_identifier_problem,
    stored_order_id_problem,
)
from tests.unit.domain.strategies import label, thorough, usual

LONGEST = 256
GRINNING_FACE = "\N{GRINNING FACE}"
ASSIGNED_LATER = (0x0CF3, 0x11F00, 0x1FADB, 0x2EBF0, 0x2FFC, 0x1C89, 0x105C0, 0x1FAE9, 0x0378)
"""Assigned since Unicode 15.0, 15.1 and 16.0, and one that none of them knows."""
ALLOWED_CODE_POINTS = 970_510
ALLOWED_DIGEST = "c35176c32798cc15aa5300c53a5bc1fa3c358d7d10dbb6f599766a044e15bc57"
"""Of one byte for each code point, 1 where an identifier may hold it inside."""


@pytest.mark.parametrize(
    "value",
    [
        "1",
        "order1",
        "BANK CHARGES",
        "a  b",
        "M",
        "85123A",
        "guest-536414",
        "a.b",
        "...",
        "~!@#$%^&*()_+|\\\"'<>?:;,[]{}`=-",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "cafe\N{COMBINING ACUTE ACCENT}",
        "\N{COMBINING ACUTE ACCENT}",
        "\N{CJK UNIFIED IDEOGRAPH-8A02}\N{CJK UNIFIED IDEOGRAPH-55AE}",
        "\N{DEVANAGARI LETTER KA}\N{DEVANAGARI VOWEL SIGN I}",
        "\N{ARABIC-INDIC DIGIT FIVE}",
        "\N{ROMAN NUMERAL FOUR}",
        "\N{EURO SIGN}",
        GRINNING_FACE,
        "x" * LONGEST,
        GRINNING_FACE * LONGEST,
    ],
    ids=label,
)
def test_letters_marks_numbers_punctuation_symbols_and_inner_spaces_are_identifiers(value: str) -> None:
    """Any script will do; length counts code points, also those beyond the basic plane."""
    assert identifier_problem(value, LONGEST) is None
    assert order_id_problem(value, LONGEST) is None


@pytest.mark.parametrize(
    "character",
    [
        "\0", "\t", "\n", "\r", "\x1b", "\x7f", "\x85",  # control
        "\u00ad", "\u200b", "\u200e", "\u202e", "\u2066", "\ufeff", "\U000e0001",  # format
        "\u2065", "\ufff0", "\U000e0fff",  # reserved for format
        "\u00a0", "\u2003", "\u2028", "\u2029", "\u3000",  # separators
        *map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF)),  # lone surrogates
        "\ue000", "\U0010fffd",  # private use
        "\ufdd0", "\uffff", "\U0001fffe", "\U0010ffff",  # noncharacters
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["{}", "{}a", "a{}", "a{}b"])
def test_invisible_characters_are_refused_anywhere(character: str, place: str) -> None:
    """No control, format, surrogate, private-use or other separator character and no noncharacter, at any place."""
    problem = identifier_problem(place.format(character), LONGEST)
    expected = "must not contain control, format, surrogate, private-use or separator characters or noncharacters"
    assert problem == expected


@pytest.mark.parametrize(
    "value", [" ", " a", "a ", "  ", " a b ", "\u200c", "\u200da", "a\u200d", "\u200c\u0645", "a\u200c "], ids=label
)
def test_spaces_and_joiners_are_inner_characters_only(value: str) -> None:
    """An outer one would get lost on the way through forms, tables and headers, and a joiner there joins nothing."""
    assert identifier_problem(value, LONGEST) == "must not begin or end with a space, U+200C or U+200D"


@pytest.mark.parametrize(
    "value",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: mikhaham
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf",  # Sinhala: Sri Lanka
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\U0001f3f3\ufe0f\u200d\U0001f308",  # a flag
    ],
    ids=label,
)
def test_letters_may_be_joined(value: str) -> None:
    """ZWJ and ZWNJ are ordinary spelling in Persian and Sinhala, and part of many emoji."""
    assert identifier_problem(value, LONGEST) is None
    assert order_id_problem(value, LONGEST) is None


@pytest.mark.parametrize("value", ["x" * 257, GRINNING_FACE * 257, "x" * 1_000_000, " " * 257], ids=label)
def test_more_than_the_longest_is_refused(value: str) -> None:
    """The message says how long it may be and how long it is, and does not repeat it."""
    assert identifier_problem(value, LONGEST) == f"must be at most 256 characters long, is {len(value)}"


def test_an_empty_identifier_is_refused() -> None:
    """An id needs one character at least."""
    assert identifier_problem("", LONGEST) == "must not be empty"


@pytest.mark.parametrize("value", [None, 1, True, 1.5, b"order1", ["order1"], object()])
def test_only_strings_are_identifiers(value: object) -> None:
    """A number is not turned into text: 1, 1.0 and "1" would become three ids or one."""
    assert (identifier_problem(value, LONGEST) or "").startswith("must be a string")
    assert order_id_problem(value, LONGEST) == identifier_problem(value, LONGEST)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (17850, 'must be a string, not a number: send "17850" instead of 17850'),
        (-1, 'must be a string, not a number: send "-1" instead of -1'),
        (2**64 - 1, f'must be a string, not a number: send "{2**64 - 1}" instead of {2**64 - 1}'),
        (2**64, "must be a string, not a number: send it in quotes"),
        (10**5_000, "must be a string, not a number: send it in quotes"),
        (17850.0, "must be a string, not a number: send it in quotes"),
        (Decimal(17850), "must be a string, not a number: send it in quotes"),
        (True, "must be a string"),
        ([17850], "must be a string"),
    ],
    ids=label,
)
def test_a_number_is_shown_as_the_string_to_send(value: object, problem: str) -> None:
    """Shops number their customers; whoever sends such a number reads what to send instead."""
    assert identifier_problem(value, LONGEST) == problem


@pytest.mark.parametrize("value", ["/", "a/b", "/a", "a/", ".", ".."])
def test_an_order_id_is_a_path_segment_and_other_ids_need_not_be(value: str) -> None:
    """A URL path has to carry an order id back; a user's or an item's id never stands in one."""
    assert identifier_problem(value, LONGEST) is None
    assert order_id_problem(value, LONGEST) == 'must not contain "/" or be "." or ".."'


@pytest.mark.parametrize("value", ["", " a", "\0", "x" * 257], ids=label)
def test_an_order_id_is_an_identifier_first(value: str) -> None:
    """What no identifier may be, no order id may be, for the same reason."""
    assert order_id_problem(value, LONGEST) == identifier_problem(value, LONGEST) is not None


def test_every_assigned_character_is_judged_by_its_unicode_category() -> None:
    """Letters, marks, numbers, punctuation and symbols are allowed, whichever version this interpreter knows.

    So are the space and the two joiners; all others that are assigned are refused.
    """
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if (category := unicodedata.category(chr(code))) != "Cn"
        and (identifier_problem(f"a{chr(code)}b", 3) is None) != (category[0] in "LMNPS" or chr(code) in INNER_ONLY)
    ]
    assert wrong == []


def test_what_is_printable_is_not_refused() -> None:
    """By this interpreter's version of Unicode, so that nothing printable need be looked for in the table."""
    assert not [code for first, last in REFUSED for code in range(first, last + 1) if chr(code).isprintable()]


def test_every_interpreter_has_the_same_rule() -> None:
    """How many code points are allowed, and which, is not a matter of the interpreter's version of Unicode.

    What is not assigned yet is allowed, but for noncharacters and what is reserved for format characters.
    """
    allowed = bytes(identifier_problem(f"a{chr(code)}b", 3) is None for code in range(sys.maxunicode + 1))
    assert allowed.count(1) == ALLOWED_CODE_POINTS
    assert sha256(allowed).hexdigest() == ALLOWED_DIGEST
    assert all(allowed[code] for code in ASSIGNED_LATER)


@thorough
@given(st.text(max_size=LONGEST + 2), st.integers(0, LONGEST + 2))
def test_a_text_is_an_identifier_exactly_where_its_rule_says(text: str, longest: int) -> None:
    """Length, characters and outer spaces and joiners together are the whole rule."""
    by_rule = (
        1 <= len(text) <= longest
        and text == text.strip(INNER_ONLY)
        and not any(first <= ord(character) <= last for character in text for first, last in REFUSED)
    )
    assert (identifier_problem(text, longest) is None) == by_rule


@pytest.mark.parametrize(
    "value", [" a", "a\u00ad", "\ue000", "\u0378", "\uffff", "\u200d", "x" * 10_000, "\t"], ids=label
)
def test_whatever_a_rule_may_have_allowed_can_be_asked_for(value: str) -> None:
    """An order that was stored under an earlier rule, or a later one, is read and acted upon like any other."""
    assert stored_identifier_problem(value) is None
    assert stored_order_id_problem(value) is None


@pytest.mark.parametrize("value", ["", "\0", "a\0b", "\ud800", "a\udfff", 5, None], ids=label)
def test_what_no_store_can_keep_is_not_asked_for(value: object) -> None:
    """Not every store could so much as look for it."""
    assert stored_identifier_problem(value) is not None
    assert stored_order_id_problem(value) == stored_identifier_problem(value)


@pytest.mark.parametrize("value", ["a/b", ".", ".."])
def test_no_order_was_ever_stored_under_what_no_path_carries(value: str) -> None:
    """Under no rule, so that whoever asks for it need not be asked further."""
    assert stored_identifier_problem(value) is None
    assert stored_order_id_problem(value) is not None


@usual
@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Zs"), exclude_characters="\u00a0"), max_size=50))
def test_a_printable_reason_is_kept_as_it_is(text: str) -> None:
    """What people write is what the history tells."""
    if text.isprintable():
        assert storable_reason(text) == text


@thorough
@given(st.text(max_size=LONGEST_REASON + 200))
def test_every_store_can_keep_a_storable_reason(text: str) -> None:
    """No NUL, no lone surrogate, at most 1,000 characters; making it storable again changes nothing."""
    reason = storable_reason(text)
    assert len(reason) <= LONGEST_REASON
    assert "\0" not in reason
    assert reason.encode().decode() == reason
    assert storable_reason(reason) == reason


def test_a_reason_keeps_its_lines_and_shows_where_something_was_replaced_or_cut() -> None:
    """A traceback stays readable; nothing is dropped silently."""
    assert storable_reason("first\nsecond") == "first\nsecond"
    assert storable_reason("a\0b\ud800c") == f"a{REPLACEMENT}b{REPLACEMENT}c"
    assert storable_reason("x" * LONGEST_REASON) == "x" * LONGEST_REASON
    assert storable_reason("x" * (LONGEST_REASON + 1)) == "x" * (LONGEST_REASON - 1) + "\N{HORIZONTAL ELLIPSIS}"
