"""JSON is read strictly and exactly: what is no I-JSON is refused, what is gives the standard library's value."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.content.attributes import JsonValue
from order_engine.domain.content.limits import DEFAULT_LIMITS, ContentLimits
from order_engine.domain.errors import MalformedJson
from order_engine.wire import read_json
from tests.unit.domain.strategies import json_values, label, same_value, thorough, usual


def read(text: bytes | str) -> JsonValue:
    """Read a text within the default limits."""
    return read_json(text if isinstance(text, bytes) else text.encode(), DEFAULT_LIMITS)


def nested(levels: int, opening: str = "[", closing: str = "]", inside: str = "") -> str:
    """Return a text of so many levels."""
    return opening * levels + inside + closing * levels


@pytest.mark.parametrize("place", ["{}", '"{}"', '{{"{}":1}}', '[1,"a{}"]', "1{}"])
@pytest.mark.parametrize(
    "bad",
    [
        b"\xff", b"\xfe", b"\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80",
        b"\xed\xa0\xbd\xed\xb8\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98", b"\xc3\x28", b"\xe9",
    ],
    ids=label,
)  # fmt: skip
def test_what_is_not_utf_8_is_refused(place: str, bad: bytes) -> None:
    """Anywhere: overlong forms, encoded surrogates, code points beyond the last, sequences cut short."""
    before, after = place.format("|").encode().split(b"|")
    with pytest.raises(MalformedJson, match=f"invalid byte at offset {len(before)}"):
        read(before + bad + after)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings_are_refused(encoding: str) -> None:
    """And a byte order mark, also in front of UTF-8."""
    with pytest.raises(MalformedJson):
        read('{"a":"b"}'.encode(encoding))


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf{}", b"\xef\xbb\xbf", b"\xef\xbb\xbf[1"])
def test_a_byte_order_mark_is_named(text: bytes) -> None:
    """The sentence says what to leave out."""
    with pytest.raises(MalformedJson, match="byte order mark"):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", "[NaN]", '{"a":-Infinity}', '{"a":{"b":[Infinity]}}', "nan", "inf", "-NaN", "+1",
     ".5", "5.", "01", "-01", "00", "1e", "1e+", "0x10", "1_000", "-", "--1", "1.e5", "\N{ARABIC-INDIC DIGIT FIVE}",
     "1\N{FULLWIDTH DIGIT TWO}", "\N{MINUS SIGN}1"],
    ids=label,
)  # fmt: skip
def test_what_is_no_number_of_json_is_refused(text: str) -> None:
    """Python's own parser would be generous about some."""
    with pytest.raises(MalformedJson):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n", "{", "}", "[", "]", "[1,]", "[,1]", '{"a":1,}', "{,}", '{"a"}', '{"a":}', "{1:2}", "{a:1}",
     "{'a':1}",
     '"', '"a', "'a'", "tru", "True", "None", "nul", "undefined", "[] []", "{}x", "{}{}", "1 2", "null,",
     "// comment\n1",
     "[1]/**/", '"\\x41"', '"\\u12"', '"\\u12g4"', '"\\u+123"', '"\\u 123"', '"\\', '"\\a"', '"\x00"', '"\n"', '"\t"',
     '"\x1f"', "\x00", "{}\x00", "\x0c{}", "\x0b1", "\u00a01", "\u20281", "\ufeff1", '{"a\n":1}'],
    ids=label,
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    """Empty, cut short, with something after it, with control characters, or in a dialect."""
    with pytest.raises(MalformedJson):
        read(text)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":1}', '{"a":1,"b":2,"a":3}', '{"a":1,"\\u0061":1}', '{"\\u00e9":1,"é":1}', '{"a":{"b":1,"b":1}}',
     '[{"x":[{"b":1,"\\u0062":1}]}]', '{"":1,"":2}', '{"\\/":1,"/":1}', '{"\\ud83d\\ude00":1,"😀":1}',
     '{"__proto__":1,"__proto__":1}'],
    ids=label,
)  # fmt: skip
def test_a_name_twice_in_one_object_is_refused(text: str) -> None:
    """However it is written, and however deep."""
    with pytest.raises(MalformedJson, match="duplicate names"):
        read(text)


@pytest.mark.parametrize(
    "text", ['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":1}]', '{"a":1,"A":1}', '{"e\u0301":1,"\u00e9":1}']
)
def test_a_name_may_come_again_elsewhere(text: str) -> None:
    """In another object, or in another case or composition: those are other names."""
    assert read(text) == json.loads(text)


@pytest.mark.parametrize("lone",
["\\ud800", "\\udbff", "\\udc00", "\\udfff", "\\uD83D", "\\ude00\\ud83d", "\\ud83d\\ud83d\\ude00",
                                  "\\ud83dx\\ude00", "\\ud800\\u0041", "a\\udfffb"])  # fmt: skip
@pytest.mark.parametrize(
    "place", ['"{}"', '["{}"]', '{{"{}":1}}', '{{"a":[{{"b":{{"{}":[]}}}}]}}', '{{"a":[1,["{}"]]}}']
)
def test_a_lone_surrogate_is_refused(place: str, lone: str) -> None:
    """In values and in names, however deep."""
    with pytest.raises(MalformedJson, match="lone surrogate"):
        read(place.format(lone))


@pytest.mark.parametrize(
    ("text", "value"),
    [('"\\ud83d\\ude00"', "😀"), ('{"\\uD83D\\uDE00":1}', {"😀": 1}), ('"\\\\ud800"', "\\ud800"), ('"\\u0000"', "\0"),
     ('"\\u007f\\u0085"', "\x7f\x85"), ('"\\ufeff"', "\ufeff"), ('"\\uffff\\ufffe\\ufdd0"', "\uffff\ufffe\ufdd0"),
     ('"\\/\\b\\f\\n\\r\\t\\"\\\\"', '/\b\f\n\r\t"\\'), (' \t\r\n{ "a" : [ ] }\n', {"a": []}), ("null", None),
     ("true", True)],
    ids=label,
)  # fmt: skip
def test_all_of_json_is_read(text: str, value: JsonValue) -> None:
    """Pairs of surrogates, escapes, space, and what looks like an escape but is none."""
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [("1", 1, "1"), ("1.0", Decimal("1.0"), "1.0"), ("1e2", Decimal("1E+2"), "1E+2"), ("-0", Decimal("-0"), "-0"),
     ("-0.0", Decimal("-0.0"), "-0.0"), ("0.10", Decimal("0.10"), "0.10"), ("1e400", Decimal("1E+400"), "1E+400"),
     ("12345678901234567.89", Decimal("12345678901234567.89"), "12345678901234567.89"),
     ("9" * 400, int("9" * 400), "9" * 400),
     ("1e999999999999", Decimal("1E+999999999999"), "1E+999999999999")],
    ids=label,
)  # fmt: skip
def test_numbers_are_read_to_their_last_digit(text: str, value: object, digits: str) -> None:
    """Integers as `int`, others as `Decimal`; nothing passes through a float."""
    found = read(f'{{"n":[{text}]}}')
    assert isinstance(found, dict)
    assert isinstance(found["n"], list)
    (number,) = found["n"]
    assert (type(number), number, str(number)) == (type(value), value, digits)


@pytest.mark.parametrize(
    "text", ["1" * 400, "-" + "1" * 399, "0." + "1" * 398, "1e" + "0" * 397 + "1", "1." + "0" * 398]
)
def test_a_number_may_have_400_characters(text: str) -> None:
    """Sign, point and exponent count."""
    assert len(text) == 400
    assert same_value(read(text), Decimal(text))


@pytest.mark.parametrize(
    "text", ["1" * 401, "-" + "1" * 400, "0." + "1" * 399, "1e" + "0" * 398 + "1", "1" * 5_000, "1" * 900_000]
)
@pytest.mark.parametrize("place", ["{}", '{{"total_amount":{}}}', '{{"attributes":{{"a":[{{"b":{}}}]}}}}', "[1,{}]"])
def test_a_number_of_more_characters_is_refused(place: str, text: str) -> None:
    """Wherever it stands; a huge one takes no time."""
    with pytest.raises(MalformedJson, match="at most 400 characters"):
        read(place.format(text))


@pytest.mark.parametrize("text", ["1e9999999999999999999", "1e-9999999999999999999", "-5.5E+99999999999999999999"])
def test_an_exponent_beyond_all_bounds_is_no_value(text: str) -> None:
    """It is JSON, so it is read; whoever checks values refuses it. Nothing times ten to anything is nothing."""
    value = read(text)
    assert isinstance(value, Decimal)
    assert value.is_nan()
    zero = read("0" + text.lower().lstrip("-5.1"))
    assert zero == 0


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_has_a_limit(opening: str, closing: str) -> None:
    """32 levels are read, 33 are not; counted from the outermost object."""
    each = opening.count("[") + opening.count("{")
    assert read(nested(32 // each, opening, closing, "1")) is not None
    with pytest.raises(MalformedJson, match="nested deeper than 32 levels"):
        read("[" + nested(32 // each, opening, closing, "1") + "]")


@pytest.mark.parametrize("levels", [33, 900, 1_000, 5_000, 100_000])
@pytest.mark.parametrize("closed", [True, False])
def test_very_deep_nesting_is_refused(levels: int, *, closed: bool) -> None:
    """The parser's own depth is no other error; also where nothing is closed."""
    with pytest.raises(MalformedJson):
        read(nested(levels) if closed else "[" * levels)


def test_brackets_side_by_side_are_not_nested() -> None:
    """Nor are those in strings."""
    text = "[" + ",".join(["[]", "{}"] * 1000) + ',"' + "[{" * 1000 + '"]'
    assert read(text) == json.loads(text)


def test_the_limits_are_settings() -> None:
    """Other limits hold."""
    limits = ContentLimits(nesting=2, number_characters=3)
    assert read_json(b"[[123]]", limits) == [[123]]
    for text in (b"[[[]]]", b"1234", b"1.23"):
        with pytest.raises(MalformedJson):
            read_json(text, limits)


@thorough
@given(value=json_values, escaped=st.booleans(), indent=st.sampled_from([None, 1]))
def test_what_is_fine_is_read_as_the_standard_library_reads_it(
    *, value: object, escaped: bool, indent: int | None
) -> None:
    """Escaped or not, compact or indented."""
    text = json.dumps(value, ensure_ascii=escaped, indent=indent, default=float)
    assert same_value(read(text), json.loads(text, parse_float=Decimal))


@usual
@given(
    st.binary(max_size=40)
    | st.text(st.sampled_from('[]{},:"\\u0123def.-+eE tnrsal\x00é😀'), max_size=40).map(str.encode)
)
def test_whatever_comes_is_read_or_malformed(text: bytes) -> None:
    """No other exception; and what is read, the standard library reads alike."""
    try:
        value = read(text)
    except MalformedJson:
        return
    assert same_value(value, json.loads(text, parse_float=Decimal))
