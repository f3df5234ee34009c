"""The schemas of what clients send: never narrower than what the service reads, and no wider than words can excuse."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine import ContentLimits, InvalidOrder
from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine.domain.content.text import identifier_problem, order_id_problem
from order_engine.domain.content.validation import validate
from order_engine.wire import read_order
from order_engine_adapters.http.openapi.patterns import IDENTIFIER, ORDER_ID, PATH_SEGMENT
from tests.unit.domain.strategies import identifier_text, json_objects, usual
from tests.unit.http.openapi.documents import made, parts, validator
from tests.unit.http.serving import order

SURROGATES = (0xD800, 0xDFFF)
ASCII_CODES = range(0x80)
AMOUNTS = [
    "0", "0.00", "-0", "-0.0", "1", "50.00", "0.000001", "0.0000001", "0.1000000", "0.12345670", "999999999999999",
    "999999999999999.999999", "1000000000000000", "1000000000000000.000", "1000000000000000.01", "1000000000000001",
    "9999999999999999", "-1", "-0.01", "00", "01.5", "1.", ".5", "+1", "", " 1", "1 ", "NaN", "1,5", "\u0661", "0x1",
    "139.12", "22.20", "5e1", "5E+1", "1E-6", "0e5", "-0e5", "e5", "5e", "05e1", "5e1.5",
]  # fmt: skip
IDENTIFIERS = [
    "a", "a b", "\u00e9", "e\u0301", "\U0001f600", "x" * 256, "x" * 257, "\U0001f600" * 256, "", " ", " a", "a ", "a/b",
    ".", "..", "...", ".a", "a.", "..a", "a\nb", "a\n", "\ta", "\x00", "#", "%41", "{}", "-", "85123A", "C536379",
    "\ufffd", "a\u200db", "a\x7fb", "\u0378",
]  # fmt: skip
IN_WORDS = ["a\u200bb", "a\u00a0b", "\ue000", "\u2028", "\u00ad", "\u200da", "a\u200c", "\uffff", "\U0001fffe", "\x85"]


def is_taken(placed: Mapping[str, object], limits: ContentLimits = DEFAULT_LIMITS) -> bool:
    """Whether an order is read and valid."""
    try:
        validate(read_order(json.dumps(placed).encode(), limits), "made", limits)
    except InvalidOrder:
        return False
    return True


def is_described(placed: Mapping[str, object], limits: ContentLimits = DEFAULT_LIMITS) -> bool:
    """Whether an order keeps to its schema."""
    return validator("OrderPlacement", limits).is_valid(placed)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_the_schema_and_the_parser_take_the_same_texts_as_amounts(amount: str) -> None:
    """Whatever their notation."""
    placed = order(total_amount=amount)
    assert is_described(placed) == is_taken(placed)


@pytest.mark.parametrize("amount", ["-5e1", "1e16", "1e-7"])
def test_the_value_of_an_exponent_is_told_in_words(amount: str) -> None:
    """No expression can do sums."""
    placed = order(total_amount=amount)
    assert (is_described(placed), is_taken(placed)) == (True, False)


@pytest.mark.parametrize("amount", [0.05, 0.07, 22.2, 139.12, 0.000001, 999999999999999.1, 5e1, 123456.654321, 10**15])
def test_numbers_are_described_without_division(amount: float) -> None:
    """A validator that divides binary floats finds 22.2 to be no multiple of 0.000001."""
    placed = order(total_amount=amount)
    assert (is_described(placed), is_taken(placed)) == (True, True)
    assert not any("multipleOf" in part for _, part in parts(made()))


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("field", ["order_id", "user_id", "item_ids"])
def test_the_schema_and_the_parser_take_the_same_ids(field: str, identifier: str) -> None:
    """Of orders, of users and of items."""
    placed = order(**{field: [identifier] if field == "item_ids" else identifier})
    assert is_described(placed) == is_taken(placed)


@pytest.mark.parametrize("identifier", IN_WORDS)
def test_characters_beyond_ascii_are_told_in_words(identifier: str) -> None:
    """There is no way to name them that every engine of expressions reads."""
    placed = order(user_id=identifier)
    assert (is_described(placed), is_taken(placed)) == (True, False)


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"currency": "GBP"}, {"currency": "gbp"}, {"currency": "GBPX"}, {"currency": ""}, {"currency": None},
        {"currency": "GBP\n"}, {"attributes": {"a": [1, {"b": None}]}}, {"attributes": []}, {"attributes": None},
        {"order_id": None}, {"user_id": None}, {"item_ids": []}, {"item_ids": None}, {"item_ids": "item1"},
        {"item_ids": ["i"] * 10_000}, {"item_ids": ["i"] * 10_001}, {"unknown": 1}, {"total_amount": None},
        {"total_amount": True}, {"total_amount": -1}, {"total_amount": 0}, {"total_amount": 10**15},
        {"total_amount": 10**15 + 1}, {"total_amount": 139.12}, {"total_amount": {}}, {"user_id": 5},
    ],
    ids=repr,
)  # fmt: skip
def test_the_schema_and_the_parser_take_the_same_orders(changes: dict[str, object]) -> None:
    """What is optional, what may be null, how many, of which type."""
    placed = order(**changes)
    assert is_described(placed) == is_taken(placed)


@pytest.mark.parametrize("maximum", ["999", "1000", "1", "105", "250", "9"])
@pytest.mark.parametrize("decimals", [0, 2])
def test_limits_of_a_service_are_those_of_its_document(maximum: str, decimals: int) -> None:
    """Whatever the largest amount and its decimals, the expression ends where the parser does."""
    limits = replace(DEFAULT_LIMITS, amount_maximum=Decimal(maximum), amount_decimals=decimals)
    numbers = {f"{whole}{fraction}" for whole in range(1100) for fraction in ("", ".0", ".5", ".55", ".555")}
    for amount in numbers:
        placed = order(total_amount=amount)
        assert is_described(placed, limits) == is_taken(placed, limits), amount


def test_the_expression_of_ids_takes_the_characters_that_the_parser_takes() -> None:
    """Every one, alone and between two others; of ASCII no other."""
    pattern = re.compile(IDENTIFIER)
    for code in range(sys.maxunicode + 1):
        if SURROGATES[0] <= code <= SURROGATES[1]:
            continue
        for text in (chr(code), f"a{chr(code)}b"):
            described, taken = pattern.search(text) is not None, identifier_problem(text, len(text)) is None
            assert described == taken if code in ASCII_CODES else described >= taken, f"U+{code:04X}"


@usual
@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=4) | st.text("./ a", min_size=1, max_size=4))
def test_the_expression_of_an_orders_id_is_exact_in_ascii(text: str) -> None:
    """No slash, no single and no double dot; at the end a line feed is Python's own exception."""
    if not text.endswith("\n"):
        assert (re.search(ORDER_ID, text) is not None) == (order_id_problem(text, len(text)) is None)


@usual
@given(st.text(min_size=1, max_size=4) | st.text("./ a\n", min_size=1, max_size=4))
def test_a_path_takes_every_id_that_an_order_can_have(text: str) -> None:
    """Also one that was stored under an earlier rule: all that a path needs is to carry it back."""
    carried = "/" not in text and text not in (".", "..")
    assert carried <= (re.search(PATH_SEGMENT, text) is not None)
    assert carried or text.endswith("\n") or re.search(PATH_SEGMENT, text) is None


amount_texts = st.decimals(allow_nan=False, allow_infinity=False).map(str) | st.integers().map(str)
amounts = amount_texts | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1, 10**16)


@usual
@given(
    st.builds(
        order,
        identifier_text | st.text(max_size=5),
        user_id=identifier_text | st.text(max_size=5),
        item_ids=st.lists(identifier_text, max_size=3),
        total_amount=amounts,
        currency=st.sampled_from(["GBP", "gbp", "", None]),
        attributes=st.none() | json_objects.map(lambda value: json.loads(json.dumps(value, default=float))),
    )
)
def test_whatever_the_service_takes_is_described(placed: dict[str, object]) -> None:
    """A client or a proxy that checks by the document refuses nothing that the service would take."""
    assert is_taken(placed) <= is_described(placed)


@pytest.mark.parametrize(
    "attributes", [{"a": "\x01", "b": [{"c": ["d"]}], "": {}}, {"a": None, "b": 1e300, "c": [[[[True]]]]}], ids=repr
)
def test_attributes_are_any_object(attributes: object) -> None:
    """The schema is not recursive, because several generators fail on that."""
    placed = order(attributes=attributes)
    assert (is_described(placed), is_taken(placed)) == (True, True)
