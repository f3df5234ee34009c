"""Attributes are a client's own JSON: kept exactly, compared by value, and refused where they are no JSON."""

from __future__ import annotations

import copy
import decimal
import enum
import json
import pickle
from collections import OrderedDict, UserDict, deque
from dataclasses import replace
from decimal import Decimal
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from order_engine.domain.content.attributes import (
    ATTRIBUTES_LEVEL,
    Attributes,
    AttributesProblem,
    JsonInput,
    JsonValue,
    canonical_json,
    encode_attributes,
)
from order_engine.domain.content.limits import DEFAULT_LIMITS, ContentLimits
from tests.unit.domain.strategies import (
    json_objects,
    json_scalars,
    json_text,
    json_values,
    label,
    same_value,
    thorough,
    usual,
)


def encode(value: object) -> Attributes | None:
    """Read attributes within the default limits, whatever a careless caller gives."""
    return encode_attributes(value, DEFAULT_LIMITS)  # type: ignore[arg-type]


def kept(value: object) -> Attributes:
    """Read attributes that are there."""
    attributes = encode(value)
    assert attributes is not None
    return attributes


def problem(value: object) -> AttributesProblem:
    """Return why a value cannot be attributes."""
    with pytest.raises(AttributesProblem) as caught:
        encode(value)
    return caught.value


def nested(levels: int, *, mapping: bool = False) -> JsonInput:
    """Return a value of so many containers inside each other."""
    value: JsonInput = 1
    for _ in range(levels):
        value = {"a": value} if mapping else [value]
    return value


# What is kept


@thorough
@given(json_objects)
@example({"": {"": []}})
@example({"a": Decimal("-0.0"), "b": -0.0, "c": Decimal("1E+400"), "d": 10**399})
def test_any_json_comes_back_with_equal_values(value: dict[str, JsonInput]) -> None:
    """What goes in is what the processor reads, deep down."""
    attributes = encode(value)
    assert same_value({} if attributes is None else attributes.to_dict(), value)


@thorough
@given(json_objects)
def test_the_text_is_compact_json_that_any_parser_reads(value: dict[str, JsonInput]) -> None:
    """No space, no escape that is not needed; the standard library's parser reads the same values."""
    attributes = encode(value)
    if attributes is not None:
        read = json.loads(attributes.text, parse_float=Decimal)
        assert same_value(read, value)
        assert len(attributes.text.encode()) <= len(json.dumps(value, ensure_ascii=False, default=str).encode())


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("1.10"), "1.10"),
        (Decimal("0.000"), "0.000"),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("1E-10"), "1E-10"),
        (12345678901234567890123, "12345678901234567890123"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (1.0, "1.0"),
        (-5, "-5"),
    ],
)
def test_numbers_keep_their_digits(number: JsonInput, text: str) -> None:
    """A price of 1.10 stays 1.10, and no integer becomes a float."""
    attributes = kept({"a": number})
    assert attributes.text == f'{{"a":{text}}}'
    assert attributes["a"] == Decimal(text)


def test_a_number_with_a_fraction_is_read_as_a_decimal_and_another_as_an_integer() -> None:
    """No float on the way out either; the digits of a Decimal are those that were given."""
    values = kept({"a": Decimal("1.10"), "b": 2, "c": 0.5, "d": True}).to_dict()
    assert [type(value) for value in values.values()] == [Decimal, int, Decimal, bool]
    assert str(values["a"]) == "1.10"


def test_text_is_kept_as_it_is() -> None:
    """Any character but NUL, whatever its script; escapes are the parser's business."""
    text = '"\\/\b\t\n\x7f\x1f \N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}\u2028\ufeff\uffff'
    assert kept({text: [text]}).to_dict() == {text: [text]}


def test_keys_keep_their_order() -> None:
    """The processor reads them as the client wrote them."""
    assert list(kept({"b": 1, "a": 2, "c": 3})) == ["b", "a", "c"]


@pytest.mark.parametrize("nothing", [None, {}, MappingProxyType({}), UserDict({}), Attributes("{}")])
def test_an_empty_object_is_none(nothing: object) -> None:
    """Null, absent and {} are the same, in whatever mapping."""
    assert encode(nothing) is None


@pytest.mark.parametrize(
    "value", [OrderedDict(a=[1]), MappingProxyType({"a": (1,)}), UserDict({"a": [1]}), Attributes('{"a":[1]}')]
)
def test_any_mapping_is_an_object_and_a_tuple_is_an_array(value: object) -> None:
    """Callers need not copy what they have; also attributes of another order may be given."""
    assert kept(value) == Attributes('{"a":[1]}')


def test_attributes_inside_attributes_are_an_object() -> None:
    """A part of another order's attributes may be passed on."""
    assert kept({"inner": Attributes('{"a":1.10}')}).text == '{"inner":{"a":1.10}}'


class Size(int, enum.Enum):
    """A number that shows itself as something else."""

    LARGE = 3


class Colour(str, enum.Enum):  # noqa: UP042 - the older form is what is tried here
    """A text that shows itself as something else."""

    RED = "red"


class Ratio(float):
    """A float that shows itself as something else, as those of numpy do."""

    def __repr__(self) -> str:
        """Show more than the number."""
        return "Ratio(0.5)"


class Price(Decimal):
    """A Decimal that shows itself as something else."""

    def __str__(self) -> str:
        """Show more than the number."""
        return "1.10 GBP"


def test_numbers_and_texts_of_a_class_of_their_own_are_kept_as_what_they_are() -> None:
    """Enumerations and the numbers of other libraries are written as their value, not as they show themselves."""
    attributes = kept({"size": Size.LARGE, "colour": Colour.RED, "ratio": Ratio(0.5), "price": Price("1.10")})
    assert attributes.text == '{"size":3,"colour":"red","ratio":0.5,"price":1.10}'


def test_what_was_given_may_change_afterwards() -> None:
    """The attributes are a copy, and reading them gives a copy each time."""
    given_value: dict[str, JsonInput] = {"a": [1]}
    attributes = kept(given_value)
    given_value["b"] = 2
    attributes.to_dict()["c"] = 3
    assert attributes.to_dict() == {"a": [1]}


# Comparing


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"a": 1}, {"a": Decimal("1.0")}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 100}, {"a": Decimal("1E+2")}),
        ({"a": Decimal("0.10")}, {"a": 0.1}),
        ({"a": 0}, {"a": -0.0}),
        ({"a": 0}, {"a": Decimal("0E+9")}),
        ({"a": 10**399}, {"a": Decimal("1E+399")}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"x": {"a": 1, "b": 2}}, {"x": {"b": Decimal("2.0"), "a": 1}}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
    ],
)
def test_equal_values_are_equal(left: dict[str, JsonInput], right: dict[str, JsonInput]) -> None:
    """Numbers by value, objects in any order of their keys; equal ones hash alike."""
    assert kept(left) == kept(right)
    assert hash(kept(left)) == hash(kept(right))
    assert kept(left).canonical() == kept(right).canonical()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 0}, {"a": None}),
        ({"a": None}, {"b": None}),
        ({"a": 1}, {"a": "1"}),
        ({"a": True}, {"a": "true"}),
        ({"a": []}, {"a": {}}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": [1, 2]}, {"a": [12]}),
        ({"a": [[1], 2]}, {"a": [[1, 2]]}),
        ({"a": 1}, {"a": -1}),
        ({"a": 10**399}, {"a": 10**399 + 1}),
        ({"a": Decimal("0.1")}, {"a": Decimal("0.10000000000000000000000000000000001")}),
        ({"a": "e\N{COMBINING ACUTE ACCENT}"}, {"a": "\N{LATIN SMALL LETTER E WITH ACUTE}"}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ],
)
def test_other_values_differ(left: dict[str, JsonInput], right: dict[str, JsonInput]) -> None:
    """True is not 1, text is not normalised, the order of an array counts, and no digit is overlooked."""
    assert kept(left) != kept(right)
    assert kept(left).canonical() != kept(right).canonical()


json_numbers_alike = st.sampled_from((0, -0.0, 1, 1.0, Decimal("1.00"), Decimal("10E-1"), True, False, None, "1", -1))
json_alike: st.SearchStrategy[JsonInput] = st.recursive(
    json_numbers_alike,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("a", "b")), inner),
    max_leaves=4,
)


@thorough
@given(json_alike | json_values, json_alike | json_values)
def test_the_canonical_text_is_equal_exactly_for_equal_values(left: JsonInput, right: JsonInput) -> None:
    """Both ways: no two values share a text, and no value has two."""
    one, two = kept({"a": left}), kept({"a": right})
    assert (one.canonical() == two.canonical()) == same_value(left, right)
    assert (one == two) == same_value(left, right)


@thorough
@given(json_objects, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(value: dict[str, JsonInput], chance: Random) -> None:
    """Shuffled keys are the same attributes."""
    keys = list(value)
    chance.shuffle(keys)
    assert encode(value) == encode({key: value[key] for key in keys})


@usual
@given(json_objects)
def test_the_canonical_text_is_canonical(value: dict[str, JsonInput]) -> None:
    """It is JSON itself, and its own canonical text."""
    attributes = encode(value)
    if attributes is not None:
        canonical = attributes.canonical()
        assert canonical_json(json.loads(canonical, parse_float=Decimal, parse_int=Decimal)) == canonical


def test_attributes_are_no_other_object() -> None:
    """A mapping of another kind is not equal to attributes, whatever it holds."""
    assert kept({"a": 1}) != {"a": 1}
    assert kept({"a": 1}) != '{"a":1}'


@usual
@given(json_objects)
def test_attributes_are_values(value: dict[str, JsonInput]) -> None:
    """They can be pickled, copied, hashed and shown, and are the same after it."""
    attributes = encode({"a": value})
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(attributes, protocol)) == attributes  # noqa: S301 - our own bytes
    assert copy.deepcopy(attributes) == attributes == copy.copy(attributes)
    assert {attributes: 1}[copy.deepcopy(attributes)] == 1
    assert attributes is not None
    assert repr(attributes) == f"Attributes({attributes.text!r})"


def test_what_was_checked_is_not_checked_again() -> None:
    """By the same limits; by others it is, and what was made of a text alone is too."""
    attributes = kept({"a": [1, 2]})
    assert encode(attributes) is attributes
    assert encode(Attributes(attributes.text)) is not attributes
    with pytest.raises(AttributesProblem, match="must be at most 5 bytes long"):
        encode_attributes(attributes, replace(DEFAULT_LIMITS, attributes_bytes=5))
    with pytest.raises(AttributesProblem, match="must not be nested"):
        encode(Attributes('{"a":' + "[" * 40 + "]" * 40 + "}"))


def test_attributes_are_a_mapping_of_their_values() -> None:
    """Length, membership, reading and iterating are those of the object."""
    attributes = kept({"a": 1, "b": None})
    assert len(attributes) == 2
    assert "b" in attributes
    assert attributes["b"] is None
    assert attributes.get("c", "none") == "none"
    assert dict(attributes) == {"a": 1, "b": None}
    with pytest.raises(KeyError):
        attributes["c"]


# What is refused


@pytest.mark.parametrize("value", [[], [1], (), "text", "{}", b"{}", 0, 1, False, True, 1.5, Decimal(1), {1}, object()])
def test_attributes_are_an_object(value: object) -> None:
    """Another JSON value is refused as a whole."""
    refusal = problem(value)
    assert (refusal.pointer, refusal.detail) == ("", "must be a JSON object")


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("\0", "must not contain NUL characters"),
        ("a\0b", "must not contain NUL characters"),
        ("\ud800", "must not contain lone surrogates"),
        ("a\udfffb", "must not contain lone surrogates"),
        ("\ud83d\ude00", "must not contain lone surrogates"),
        (float("nan"), "must be a finite number"),
        (float("inf"), "must be a finite number"),
        (float("-inf"), "must be a finite number"),
        (Decimal("NaN"), "must be a finite number"),
        (Decimal("sNaN"), "must be a finite number"),
        (Decimal("-Infinity"), "must be a finite number"),
        (10**400, "must be at most 400 characters long"),
        (-(10**399), "must be at most 400 characters long"),
        (10**5000, "must be at most 400 characters long"),
        (1 << 20_000_000, "must be at most 400 characters long"),
        (Decimal("1." + "0" * 399), "must be at most 400 characters long"),
        (b"bytes", "must be a JSON value, not bytes"),
        ({1}, "must be a JSON value, not set"),
        (1j, "must be a JSON value, not complex"),
        pytest.param(object(), "must be a JSON value, not object", id="object"),
        (deque([1]), "must be a JSON value, not deque"),
        ({1: 2}, "must have string keys, not int"),
        ({None: 2}, "must have string keys, not NoneType"),
        ({True: 2}, "must have string keys, not bool"),
        ({b"a": 2}, "must have string keys, not bytes"),
    ],
    ids=label,
)
def test_what_json_cannot_say_is_refused_where_it_stands(value: object, detail: str) -> None:
    """The pointer leads to the wrong value, and the sentence says what is wrong with it."""
    refusal = problem({"a": [None, {"b": value}]})
    assert (refusal.pointer, refusal.detail) == ("/a/1/b", detail)
    assert str(refusal) == f"/a/1/b: {detail}"


@pytest.mark.parametrize("number", [10**399, -(10**398), Decimal("1." + "0" * 398), Decimal("1E+999999")], ids=label)
def test_a_number_of_400_characters_is_kept(number: JsonInput) -> None:
    """The limit is on how it is written, not on how large it is."""
    assert same_value(kept({"a": number}).to_dict(), {"a": number})


@pytest.mark.parametrize(
    ("key", "detail"), [("a\0", "must not contain NUL characters"), ("\ud800", "must not contain lone surrogates")]
)
def test_keys_are_text_as_values_are(key: str, detail: str) -> None:
    """The pointer leads to the object that has such a key: naming the key itself would put it into answers and logs."""
    refusal = problem({"outer": [{key: 1}]})
    assert (refusal.pointer, refusal.detail) == ("/outer/0", f"has an invalid key: it {detail}")
    assert str(refusal).encode()


@pytest.mark.parametrize(
    ("key", "pointer"),
    [
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ("/~", "/~1~0"),
        ("", "/"),
        ("0", "/0"),
        (" ", "/ "),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", "/\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
def test_pointers_are_escaped(key: str, pointer: str) -> None:
    """As RFC 6901 has it: ~ is ~0 and / is ~1, in this order."""
    assert problem({key: [b""]}).pointer == f"{pointer}/0"


@usual
@given(json_text, st.integers(0, 5), json_text)
def test_a_pointer_leads_to_the_wrong_value(outer: str, index: int, inner: str) -> None:
    """Whoever follows it, undoing the escapes, meets the value that was refused."""
    value: object = {outer: [*range(index), {inner: float("nan")}]}
    for token in problem(value).pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        value = value[name] if isinstance(value, dict) else value[int(name)]  # type: ignore[index]
    assert value != value  # noqa: PLR0124 - this is how a NaN shows


# Depth and size


@pytest.mark.parametrize("mapping", [True, False])
def test_nesting_is_counted_from_the_order(mapping: bool) -> None:  # noqa: FBT001 - a parameter of a test
    """The order's own object is level 1 and its attributes level 2: 32 levels are accepted, 33 are not."""
    inner = 32 - ATTRIBUTES_LEVEL
    assert kept({"a": nested(inner, mapping=mapping)})
    refusal = problem({"a": nested(inner + 1, mapping=mapping)})
    assert refusal.detail == "must not be nested deeper than 32 levels"
    assert refusal.pointer == ("/a" * (inner + 1) if mapping else "/a" + "/0" * inner)


def test_an_empty_container_is_a_level_and_a_scalar_is_none() -> None:
    """What counts are brackets."""
    limits = ContentLimits(nesting=3)
    assert encode_attributes({"a": [1, "text", None]}, limits) is not None
    assert encode_attributes({"a": []}, limits) is not None
    empty: tuple[JsonInput, ...] = ([], {})
    for inner in empty:
        with pytest.raises(AttributesProblem, match="/a/0: must not be nested deeper than 3 levels"):
            encode_attributes({"a": [inner]}, limits)


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_very_deep_nesting_ends_with_an_error(depth: int) -> None:
    """Not with the interpreter's own limit of recursion."""
    assert problem({"a": nested(depth)}).detail == "must not be nested deeper than 32 levels"


def test_a_structure_that_holds_itself_ends_with_an_error() -> None:
    """A cycle is nesting without an end, also where it branches."""
    array: list[object] = []
    array.extend((array, array))
    mapping: dict[str, object] = {}
    mapping["a"] = [mapping, mapping]
    assert problem({"a": array}).detail == "must not be nested deeper than 32 levels"
    assert problem(mapping).detail == "must not be nested deeper than 32 levels"


@pytest.mark.parametrize("width", [2, 1_000])
def test_a_structure_that_shares_its_parts_is_measured_as_it_would_be_written(width: int) -> None:
    """Thirty lists, each holding the one before many times, are small in memory and endless as text."""
    value: JsonInput = ["text"]
    for _ in range(29):
        value = [value] * width
    assert problem({"a": value}).detail.startswith("must be at most 262144 bytes long")


@pytest.mark.parametrize(
    "character", ["a", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{EURO SIGN}", "\N{GRINNING FACE}"]
)
def test_size_is_counted_in_bytes_of_utf_8(character: str) -> None:
    """256 KiB of compact text are accepted, one byte more is not, and a character counts as the bytes it takes."""
    around = len('{"a":""}')
    count, rest = divmod(DEFAULT_LIMITS.attributes_bytes - around, len(character.encode()))
    text = character * count + "x" * rest
    assert len(kept({"a": text}).text.encode()) == 256 * 1024
    refusal = problem({"a": text + "x"})
    assert (refusal.pointer, refusal.detail) == ("", "must be at most 262144 bytes long, is 262145")


@pytest.mark.parametrize("value", [[0] * 131_069, dict.fromkeys(map(str, range(100_000))), ["x" * 1000] * 10_000])
def test_many_small_values_are_too_large_together(value: JsonInput) -> None:
    """Brackets, commas, colons and quotes count as well."""
    assert encode({"a": [0] * 131_068}) is not None
    assert problem({"a": value}).detail.startswith("must be at most 262144 bytes long")


@usual
@given(st.lists(json_scalars, max_size=6))
def test_size_is_that_of_the_text(values: list[JsonInput]) -> None:
    """A limit of exactly the text's size accepts it, one byte less refuses it."""
    size = len(kept({"a": values}).text.encode())
    assert encode_attributes({"a": values}, ContentLimits(attributes_bytes=size)) is not None
    with pytest.raises(AttributesProblem, match=f"at most {size - 1} bytes"):
        encode_attributes({"a": values}, ContentLimits(attributes_bytes=size - 1))


def test_the_decimal_context_of_the_caller_changes_nothing() -> None:
    """Digits are kept and compared whatever precision and traps the caller works with."""
    with decimal.localcontext(prec=3, Emax=2, Emin=-2, clamp=1) as context:
        for signal in context.traps:
            context.traps[signal] = True
        attributes = kept({"a": Decimal("123456789.123456789"), "b": 10**30})
        assert attributes["a"].compare_total(Decimal("123456789.123456789")) == 0  # type: ignore[union-attr]
        assert attributes != kept({"a": Decimal("123456789.123456780"), "b": 10**30})
        assert attributes == kept({"b": Decimal("1E+30"), "a": Decimal("123456789.1234567890")})


@thorough
@given(
    st.recursive(
        st.one_of(st.none(), st.floats(), st.decimals(), st.text(max_size=3), st.binary(), st.integers()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2) | st.integers(), inner),
        max_leaves=8,
    )
)
def test_any_value_is_attributes_or_an_attributes_problem(value: object) -> None:
    """No other exception, whatever comes in, and a problem can always be sent and logged."""
    message = ""
    try:
        attributes = encode(value)
    except AttributesProblem as refusal:
        message = str(refusal)
    else:
        read: JsonValue = {} if attributes is None else attributes.to_dict()
        assert same_value(read, value or {})
    assert message.encode().decode() == message
