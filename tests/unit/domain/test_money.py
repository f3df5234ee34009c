"""Money is exact: what comes in is what goes out, to the last digit, or it is refused."""

from __future__ import annotations

import contextlib
import decimal
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.content.limits import DEFAULT_LIMITS, ContentLimits
from order_engine.domain.content.money import ZERO, AmountProblem, amount_text, parse_amount
from tests.unit.domain.strategies import label, thorough, usual

MAXIMUM = 10**15
MILLIONTHS = 10**6


def parse(value: object) -> Decimal:
    """Read an amount within the default limits."""
    return parse_amount(value, DEFAULT_LIMITS)


def text_of(value: object) -> str:
    """Read an amount and give it back."""
    return amount_text(parse(value))


@pytest.fixture
def hostile_context() -> Iterator[None]:
    """Let the caller's decimal context round to three digits, overflow at 10^2 and trap whatever can be trapped."""
    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin, context.capitals, context.clamp = 3, 2, -2, 0, 1
        for signal in context.traps:
            context.traps[signal] = True
        yield


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        (50, "50.00"),
        ("50", "50.00"),
        ("50.0", "50.00"),
        ("5e1", "50.00"),
        ("5E+1", "50.00"),
        ("500e-1", "50.00"),
        ("50.00", "50.00"),
        ("50.000", "50.00"),
        (Decimal(50), "50.00"),
        (Decimal("5E+1"), "50.00"),
        (Decimal("50.000"), "50.00"),
        ("0.001", "0.001"),
        ("0.0010", "0.001"),
        ("1e-6", "0.000001"),
        ("0.1000000000", "0.10"),
        ("0.30", "0.30"),
        (0, "0.00"),
        ("0", "0.00"),
        ("0.00", "0.00"),
        ("-0", "0.00"),
        ("-0.00", "0.00"),
        ("-0e5", "0.00"),
        (Decimal("-0"), "0.00"),
        (Decimal("-0.00"), "0.00"),
        ("0e999999999", "0.00"),
        ("0e-999999999", "0.00"),
        ("0." + "0" * 398, "0.00"),
        ("123456789012345.67", "123456789012345.67"),
        ("123456789012345.678901", "123456789012345.678901"),
        ("999999999999999.999999", "999999999999999.999999"),
        (MAXIMUM, "1000000000000000.00"),
        ("1e15", "1000000000000000.00"),
        ("1000000000000000.00", "1000000000000000.00"),
        (Decimal("1E+15"), "1000000000000000.00"),
    ],
    ids=label,
)
def test_an_amount_is_given_back_in_plain_notation(given_value: object, text: str) -> None:
    """Two decimals, or as many as the amount needs; the way it was written makes no difference."""
    assert text_of(given_value) == text


@pytest.mark.parametrize("zero", ["-0", "-0.00", Decimal("-0"), Decimal("-0.00"), 0])
def test_minus_zero_is_zero(zero: object) -> None:
    """The sign of zero is lost: an amount is never negative, not even in its sign."""
    assert parse(zero) == ZERO
    assert not parse(zero).is_signed()


@pytest.mark.parametrize(
    "text",
    [
        " 50", "50 ", "50\n", "\t50", "+5", "05", "00", "-05", "5.", ".5", "-.5", "5e", "5e+", "e5", "5.e1", "1_000",
        "1,000", "1.2.3", "--5", "0x10", "1e1.5", "", "-", ".", "NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf",
        "true", "null", "£5", "$5", "5\0", "\0", "\N{ARABIC-INDIC DIGIT FIVE}", "1\N{ARABIC-INDIC DIGIT FIVE}",
        "\N{FULLWIDTH DIGIT FIVE}", "\N{SUPERSCRIPT TWO}", "\N{MINUS SIGN}5", "\ud800",
    ],
    ids=label,
)  # fmt: skip
def test_only_the_grammar_of_a_json_number_is_read(text: str) -> None:
    """What Python's own `Decimal` would be generous about is refused, with a sentence that shows the grammar."""
    with pytest.raises(AmountProblem, match="in JSON syntax"):
        parse(text)


@pytest.mark.parametrize(
    "value", ["-1", "-0.01", "-1e-6", -1, -(10**5000), Decimal("-0.01"), Decimal("-1E+400")], ids=label
)
def test_a_negative_amount_is_refused(value: object) -> None:
    """However small, and however it is given."""
    with pytest.raises(AmountProblem, match=r"^must not be negative\. Place a refund as a separate order"):
        parse(value)


@pytest.mark.parametrize(
    "value",
    [
        "1000000000000000.01", "1000000000000000.000001", "1000000000000001", "12345678901234567.89",
        Decimal("12345678901234567.89"), Decimal("1000000000000000.01"), MAXIMUM + 1, "1e16", "1e400", "1e999999999",
        "1e" + "9" * 398, "1" * 400, Decimal("1E+400"), Decimal("1E+999999"), 10**5000, 1 << 20_000_000,
    ],
    ids=label,
)  # fmt: skip
def test_an_amount_over_the_maximum_is_refused(value: object) -> None:
    """10^15 is the last one; nothing is rounded to fit, and no size is so large that refusing it takes work."""
    with pytest.raises(AmountProblem, match="must be at most 1000000000000000"):
        parse(value)


@pytest.mark.parametrize(
    "value", ["1e-7", "0.0000001", "1.0000001", "1e-400", "1e-999999999", Decimal("1E-7")], ids=label
)
def test_more_than_six_decimals_are_refused(value: object) -> None:
    """Nothing is rounded away; trailing zeros are no decimals."""
    with pytest.raises(AmountProblem, match="at most 6 decimal places"):
        parse(value)


@pytest.mark.parametrize("text", ["1" * 401, "0." + "0" * 399, "1e" + "0" * 399, "x" * 10_000_000], ids=label)
def test_a_number_of_over_400_characters_is_refused(text: str) -> None:
    """Even one whose value would do: the length is looked at before anything else."""
    with pytest.raises(AmountProblem, match="at most 400 characters"):
        parse(text)


@pytest.mark.parametrize("value", [50.0, 0.1, 0.0, float("nan"), float("inf")])
def test_a_float_is_refused(value: float) -> None:
    """It has lost digits already, whichever it is."""
    with pytest.raises(AmountProblem, match="a float is not exact"):
        parse(value)


@pytest.mark.parametrize("value", [True, False, None, [], {}, b"50", ["50"], 5j, Fraction(1, 2), object()])
def test_what_is_no_number_is_refused(value: object) -> None:
    """A boolean is no number here, although Python thinks so."""
    with pytest.raises(AmountProblem, match="must be a number or a numeric string"):
        parse(value)


@pytest.mark.parametrize("name", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_a_decimal_that_is_no_number_is_refused(name: str) -> None:
    """NaN and the infinities are Decimals, but no amounts."""
    with pytest.raises(AmountProblem):
        parse(Decimal(name))


@thorough
@given(st.integers(0, MAXIMUM * MILLIONTHS), st.integers(0, 9), st.integers(-30, 30))
def test_every_amount_is_read_exactly_however_it_is_written(millionths: int, zeros: int, power: int) -> None:
    """Plain, with trailing zeros, in scientific notation, as a Decimal: the value is the same, and so is its text."""
    plain = f"{millionths // MILLIONTHS}.{millionths % MILLIONTHS:06d}"
    spellings = [plain, plain + "0" * zeros, f"{millionths}e-6", Decimal(plain)]
    if millionths and power > 0:
        spellings.append(f"{millionths}{'0' * power}E-{6 + power}")
    amounts = [parse(spelling) for spelling in spellings]
    assert {Fraction(amount) for amount in amounts} == {Fraction(millionths, MILLIONTHS)}
    assert len({amount_text(amount) for amount in amounts}) == 1


@thorough
@given(st.integers(0, MAXIMUM * MILLIONTHS))
def test_the_text_has_two_decimals_or_as_many_as_it_needs(millionths: int) -> None:
    """Reading the text again changes nothing."""
    text = text_of(Decimal(f"{millionths}E-6"))
    assert re.fullmatch(r"(0|[1-9][0-9]*)\.[0-9]{2}([0-9]{0,3}[1-9])?", text)
    assert text_of(text) == text
    assert parse(text).as_tuple() == parse(Decimal(f"{millionths}E-6")).as_tuple()


def acceptable(text: str) -> bool:
    """Whether the text is an amount, by the standard library's JSON parser and exact fractions."""
    try:
        value = Fraction(json.loads(text, parse_float=Decimal, parse_int=Decimal))
    except ValueError:
        return False
    return 0 <= value <= MAXIMUM and (value * MILLIONTHS).denominator == 1


@thorough
@given(st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,8}([eE][-+]?[0-9]{0,2})?", fullmatch=True))
def test_texts_are_accepted_exactly_where_a_json_parser_reads_an_amount(text: str) -> None:
    """The grammar is that of RFC 8259, by an independent reading of it."""
    try:
        amount = parse(text)
    except AmountProblem:
        assert not acceptable(text)
    else:
        assert acceptable(text)
        assert Fraction(amount) == Fraction(Decimal(text))


@usual
@given(st.text(max_size=12) | st.integers() | st.decimals() | st.floats() | st.booleans() | st.none() | st.binary())
def test_any_value_is_an_amount_or_an_amount_problem(value: object) -> None:
    """No other exception, whatever comes in."""
    with contextlib.suppress(AmountProblem):
        assert 0 <= parse(value) <= MAXIMUM


@pytest.mark.usefixtures("hostile_context")
@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        ("999999999999999.999999", "999999999999999.999999"),
        ("123456.78", "123456.78"),
        ("0.000001", "0.000001"),
        (10**15, "1000000000000000.00"),
        (Decimal("123456789012.345678"), "123456789012.345678"),
        (Decimal("1E+15"), "1000000000000000.00"),
        (Decimal("-0"), "0.00"),
    ],
    ids=label,
)
def test_the_decimal_context_of_the_caller_changes_nothing(given_value: object, text: str) -> None:
    """Neither its precision nor its exponents nor its traps reach an amount."""
    assert text_of(given_value) == text


@pytest.mark.usefixtures("hostile_context")
@pytest.mark.parametrize("value", ["1000000000000000.01", "1e400", "1e-7", "NaN", Decimal("NaN"), Decimal("sNaN")])
def test_the_decimal_context_of_the_caller_changes_no_refusal(value: object) -> None:
    """Likewise for what is refused: it ends as an amount problem, not as a trapped signal."""
    with pytest.raises(AmountProblem):
        parse(value)


def test_the_limits_are_settings() -> None:
    """Another maximum and another number of decimals hold for every way of writing."""
    limits = ContentLimits(amount_maximum=Decimal("99.5"), amount_decimals=1)
    assert amount_text(parse_amount("99.50", limits)) == "99.50"
    for value in ("99.51", "0.01", "1.05", Decimal("0.05")):
        with pytest.raises(AmountProblem, match="at most 1 decimal places"):
            parse_amount(value, limits)
    for large in ("99.6", 100, "1e2"):
        with pytest.raises(AmountProblem, match=r"at most 99\.5"):
            parse_amount(large, limits)
