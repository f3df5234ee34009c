"""Identifiers and reasons: which text an order may carry."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.text import LONGEST_REASON, REPLACEMENT, identifier_problem, order_id_problem, storable_reason
from tests.unit.domain.strategies import label, thorough, usual

LONGEST = 128
GRINNING_FACE = "\N{GRINNING FACE}"


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
        "\u00ad", "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\U000e0001",  # format
        "\u00a0", "\u2003", "\u2028", "\u2029", "\u3000",  # separators
        *map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF)),  # lone surrogates
        "\ue000", "\U0010fffd",  # private use
        "\u0378", "\uffff", "\U0010ffff",  # unassigned
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["{}", "{}a", "a{}", "a{}b"])
def test_invisible_and_undefined_characters_are_refused_anywhere(character: str, place: str) -> None:
    """No control, format, surrogate, private, unassigned or other separator character, at whatever place."""
    problem = identifier_problem(place.format(character), LONGEST)
    assert problem == "must hold no control, format, surrogate, private, unassigned or separator character"


@pytest.mark.parametrize("value", [" ", " a", "a ", "  ", " a b "])
def test_a_space_is_an_inner_character_only(value: str) -> None:
    """An outer one would get lost on the way through forms, tables and headers."""
    assert identifier_problem(value, LONGEST) == "must not begin or end with a space"


@pytest.mark.parametrize("value", ["x" * 129, GRINNING_FACE * 129, "x" * 1_000_000, " " * 129], ids=label)
def test_more_than_the_longest_is_refused(value: str) -> None:
    """The message says how long it may be and how long it is, and does not repeat it."""
    assert identifier_problem(value, LONGEST) == f"must have at most 128 characters, has {len(value)}"


def test_an_empty_identifier_is_refused() -> None:
    """An id needs one character at least."""
    assert identifier_problem("", LONGEST) == "must not be empty"


@pytest.mark.parametrize("value", [None, 1, True, 1.5, b"order1", ["order1"], object()])
def test_only_strings_are_identifiers(value: object) -> None:
    """A number is not turned into text: 1, 1.0 and "1" would become three ids or one."""
    assert identifier_problem(value, LONGEST) == "must be a string"
    assert order_id_problem(value, LONGEST) == "must be a string"


@pytest.mark.parametrize("value", ["/", "a/b", "/a", "a/", ".", ".."])
def test_an_order_id_is_a_path_segment_and_other_ids_need_not_be(value: str) -> None:
    """A URL path has to carry an order id back; a user's or an item's id never stands in one."""
    assert identifier_problem(value, LONGEST) is None
    assert order_id_problem(value, LONGEST) == 'must hold no "/" and not be "." or ".."'


@pytest.mark.parametrize("value", ["", " a", "\0", "x" * 129], ids=label)
def test_an_order_id_is_an_identifier_first(value: str) -> None:
    """What no identifier may be, no order id may be, for the same reason."""
    assert order_id_problem(value, LONGEST) == identifier_problem(value, LONGEST) is not None


def test_every_character_is_judged_by_its_unicode_category() -> None:
    """All 1,114,112 code points: letters, marks, numbers, punctuation, symbols, and nothing else but the space."""
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if (identifier_problem(f"a{chr(code)}b", 3) is None)
        != (unicodedata.category(chr(code))[0] in "LMNPS" or code == ord(" "))
    ]
    assert wrong == []


@thorough
@given(st.text(max_size=LONGEST + 2), st.integers(0, LONGEST + 2))
def test_a_text_is_an_identifier_exactly_where_its_rule_says(text: str, longest: int) -> None:
    """Length, categories and outer spaces together are the whole rule."""
    by_rule = (
        1 <= len(text) <= longest
        and text == text.strip(" ")
        and all(unicodedata.category(character)[0] in "LMNPS" or character == " " for character in text)
    )
    assert (identifier_problem(text, longest) is None) == by_rule


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
