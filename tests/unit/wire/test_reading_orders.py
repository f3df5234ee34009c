"""From JSON to an order: the fields, and everything that may be wrong with them."""

from __future__ import annotations

import json

import pytest

from order_engine.domain.commands import Placement
from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine.domain.content.money import amount_text
from order_engine.domain.content.validation import validate
from order_engine.domain.errors import InvalidOrder, MalformedJson
from order_engine.wire import order_id_in, read_json, read_order
from order_engine.wire.intake import FIELDS, SYNONYMS
from order_engine.wire.problems import MOST_ERRORS
from tests.unit.domain.strategies import label

PLAIN = '"user_id":"u","item_ids":["i"],"total_amount":'


def placed(text: str) -> Placement:
    """Read and check an order."""
    return validate(read_order(text.encode(), DEFAULT_LIMITS), "made", DEFAULT_LIMITS)


def pointers(text: str) -> list[str]:
    """Return the pointers to everything that is wrong with an order."""
    with pytest.raises(InvalidOrder) as caught:
        placed(text)
    return sorted(error.pointer for error in caught.value.errors)


def with_field(name: str, value: str) -> str:
    """Return an order in which one field has this JSON as its value."""
    fields = {"order_id": '"o"', "user_id": '"u"', "item_ids": '["i"]', "total_amount": "1"} | {name: value}
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def test_every_field_is_read() -> None:
    """Exactly."""
    optional = '"order_id":"o","currency":"GBP","attributes":{"a":1.0}'
    text = f'{{"user_id":"u","item_ids":["a","b","a"],"total_amount":"1.5",{optional}}}'
    placement = placed(text)
    assert placement[:3] == ("o", "u", ("a", "b", "a"))
    assert (amount_text(placement.total_amount), placement.currency) == ("1.50", "GBP")
    assert placement.attributes is not None
    assert placement.attributes.text == '{"a":1.0}'
    assert not placement.order_id_made


@pytest.mark.parametrize("name", ["order_id", "currency", "attributes"])
def test_null_and_absent_are_the_same(name: str) -> None:
    """For every optional field; `{}` and absent are, for the attributes."""
    absent = placed("{" + PLAIN + "1}")
    assert placed("{" + PLAIN + f'1,"{name}":null}}') == absent
    assert placed("{" + PLAIN + '1,"attributes":{}}') == absent
    assert absent.order_id_made


@pytest.mark.parametrize("name", ["user_id", "item_ids", "total_amount"])
def test_required_fields_are_asked_for(name: str) -> None:
    """Also where they are null."""
    fields = json.loads(with_field(name, "null"))
    assert pointers(json.dumps(fields)) == [f"/{name}"]
    del fields[name]
    assert pointers(json.dumps(fields)) == [f"/{name}"]


@pytest.mark.parametrize("text", ["null", "1", "1.5", '"order"', "true", "[]", '[{"user_id":"u"}]'])
def test_what_is_no_object_is_no_order(text: str) -> None:
    """The pointer is that of the whole."""
    assert pointers(text) == [""]


@pytest.mark.parametrize(
    ("name", "pointer"),
    [("colour", "/colour"), ("Order_id", "/Order_id"), ("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01"), ("", "/"),
     ("user_id ", "/user_id "), ("status", "/status"), ("version", "/version"), ("😀", "/😀"), ("\0", "/\0"),
     ("traceparent", "/traceparent"), ("trace_parent", "/trace_parent"),
     ("n" * 101, "")],
    ids=label,
)  # fmt: skip
def test_an_unknown_field_is_refused(name: str, pointer: str) -> None:
    """Whatever its value, null as well: dropping it would lose data. A long name is not told back."""
    for value in ("null", "1", "{}"):
        assert pointers("{" + PLAIN + f"1,{json.dumps(name)}:{value}}}") == [pointer]


def test_everything_wrong_is_told_at_once() -> None:
    """Missing, unknown and invalid fields together, each once."""
    assert pointers('{"order_id":"","item_ids":[1,"",null],"currency":"GBPS","attributes":[],"x":1}') == sorted(
        [
            "/order_id",
            "/user_id",
            "/item_ids/0",
            "/item_ids/1",
            "/item_ids/2",
            "/total_amount",
            "/currency",
            "/attributes",
            "/x",
        ]
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("customer_id", "user_id"), ("customerId", "user_id"), ("CUSTOMER-ID", "user_id"), ("id", "order_id"),
     ("orderNumber", "order_id"), ("line_items", "item_ids"), ("items", "item_ids"), ("total", "total_amount"),
     ("totalPrice", "total_amount"), ("currency_code", "currency"), ("metadata", "attributes"),
     ("userId", "user_id"), ("Order_id", "order_id")],
)  # fmt: skip
def test_a_field_by_another_name_is_told_its_name_here(name: str, meant: str) -> None:
    """What shops and other languages call it."""
    with pytest.raises(InvalidOrder) as caught:
        placed("{" + PLAIN + f'1,"{name}":1}}')
    assert [error.detail for error in caught.value.errors] == [f'is not a field of an order: did you mean "{meant}"?']


def test_no_more_than_a_hundred_items_are_named() -> None:
    """Beside what else is wrong: many of them cost no more than some."""
    items = ",".join(['""'] * 1000)
    with pytest.raises(InvalidOrder) as caught:
        placed(f'{{"user_id":"","item_ids":[{items}],"total_amount":-1}}')
    assert len(caught.value.errors) == 102


def test_a_field_of_no_other_name_has_its_place_in_the_attributes() -> None:
    """A client that has more to say reads where to say it."""
    with pytest.raises(InvalidOrder, match=r'is not a field of an order: put data for the processor into "attributes"'):
        placed("{" + PLAIN + '1,"delivery_date":1}')


def test_of_very_many_unknown_fields_the_first_ones_are_told() -> None:
    """As many as a problem document names: a body of nothing else costs no more than it takes to read it."""
    fields = {"user_id": "u", "item_ids": ["i"], "total_amount": 1}
    found = pointers(json.dumps({**fields, "currency": "", **{f"field{number}": 1 for number in range(1000)}}))
    assert len(found) == MOST_ERRORS + 1
    assert {"/currency", "/field0", f"/field{MOST_ERRORS - 1}"} <= set(found)


def test_every_name_that_is_meant_is_a_field() -> None:
    """The table names no field that the reader would refuse, and explains none that it takes."""
    assert set(SYNONYMS.values()) == FIELDS
    assert not FIELDS & SYNONYMS.keys()


@pytest.mark.parametrize("name", ["order_id", "user_id", "item_ids", "currency", "total_amount", "attributes"])
@pytest.mark.parametrize(
    "value", ["true", "false", "[]", "[1]", "{}", '{"a":1}', "1", "1.5", '"\\u0000"', '""', '" "', "[[]]"]
)
def test_values_of_another_type_are_refused(name: str, value: str) -> None:
    """Each field takes its own type and no other; never another error."""
    fine = {
        ("item_ids", "[]"),
        ("attributes", "{}"),
        ("attributes", '{"a":1}'),
        ("total_amount", "1"),
        ("total_amount", "1.5"),
    }
    if (name, value) in fine:
        assert placed(with_field(name, value))
    else:
        assert pointers(with_field(name, value))[0].startswith(f"/{name}")


@pytest.mark.parametrize(
    "value",
    ['"a\\u0000b"', '"a\\nb"', '"a\\tb"', '"\\u200b"', '"a\\u00adb"', '"a\\u2028b"', '"a\\u00a0b"', '"a\\u3000b"',
     '"\\ue000"',
     '"\\uffff"', '"\\ufdd0"', '"\\ufeffa"', '" a"', '"a "', '"\\u202ea"', json.dumps("x" * 257),
     json.dumps("x" * 10**6)],
    ids=label,
)  # fmt: skip
@pytest.mark.parametrize("name", ["order_id", "user_id", "item_ids"])
def test_what_is_no_id_is_refused(name: str, value: str) -> None:
    """No control, format or private-use character, no separator but an inner space, 256 at most."""
    text = with_field(name, f"[{value}]" if name == "item_ids" else value)
    assert pointers(text) == [f"/{name}/0" if name == "item_ids" else f"/{name}"]


@pytest.mark.parametrize("value", ["a/b", "/", ".", ".."])
def test_an_order_id_is_carried_by_a_path(value: str) -> None:
    """No slash, and no dot segment; user and item ids may be so."""
    assert pointers(with_field("order_id", json.dumps(value))) == ["/order_id"]
    assert placed(with_field("user_id", json.dumps(value))).user_id == value


@pytest.mark.parametrize(
    "value",
    ["a b", "é", "e\u0301", "😀" * 256, "\ufffd", "$%&?#\"\\'", "...", "a.", "日本語", "٣", "x" * 256, "a\u200cb"],
)
def test_ids_of_any_script_are_taken(value: str) -> None:
    """Letters, marks, numbers, punctuation, symbols and an inner space; characters count, not bytes."""
    assert placed(with_field("order_id", json.dumps(value))).order_id == value


@pytest.mark.parametrize(
    ("written", "text"),
    [("50", "50.00"), ("50.0", "50.00"), ("5e1", "50.00"), ('"50.00"', "50.00"), ("50.000", "50.00"),
     ("0.001", "0.001"),
     ("0", "0.00"), ("-0", "0.00"), ("-0.0", "0.00"), ('"-0"', "0.00"), ("-0e9999999999999999999", "0.00"),
     ("1e15", "1000000000000000.00"),
     ("123456789012345.678901", "123456789012345.678901"), ("999999999999999.999999", "999999999999999.999999"),
     ("1." + "0" * 398, "1.00"), ("1e-6", "0.000001"), ('"1e-6"', "0.000001"),
     ("1000000000000000.000000", "1000000000000000.00")],
    ids=label,
)  # fmt: skip
def test_amounts_are_read_exactly(written: str, text: str) -> None:
    """As a number or as a string that holds one."""
    assert amount_text(placed("{" + PLAIN + written + "}").total_amount) == text


@pytest.mark.parametrize(
    "written",
    ["-1", "-1e-6", "1e-7", "1000000000000000.01", "1e16", "1e400", "1e999999999", "1e9999999999999999999", "true",
     "[1]", "{}",
     '""', '"1 "', '" 1"', '"+1"', '"01"', '"1."', '".5"', '"0x1"', '"NaN"', '"Infinity"', '"1e"', '"\u0661"', '"1,5"',
     '"£5"',
     json.dumps("1" * 401), json.dumps("0." + "0" * 399), '"\\u0000"', "1" * 400],
    ids=label,
)  # fmt: skip
def test_what_is_no_amount_is_refused(written: str) -> None:
    """A string of over 400 characters is JSON, so it is not valid rather than not JSON."""
    assert pointers("{" + PLAIN + written + "}") == ["/total_amount"]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [('{"a":"\\u0000"}', "/attributes/a"), ('{"a":[1,{"b/c":"x\\u0000"}]}', "/attributes/a/1/b~1c"),
     ('{"\\u0000":1}', "/attributes"),
     ('{"a":{"b\\u0000":1}}', "/attributes/a"), ('{"a":1e9999999999999999999}', "/attributes/a"), ("[]", "/attributes"),
     ('"text"', "/attributes"), ("0", "/attributes"), ('{"a":' + json.dumps("x" * 256 * 1024) + "}", "/attributes"),
     ('{"a":' + json.dumps("é" * 128 * 1024, ensure_ascii=False) + "}", "/attributes")],
    ids=label,
)  # fmt: skip
def test_attributes_that_cannot_be_kept_are_refused(attributes: str, pointer: str) -> None:
    """NUL, numbers beyond all bounds, other types than an object, over 256 KiB."""
    assert pointers(with_field("attributes", attributes)) == [pointer]


@pytest.mark.parametrize(
    ("written", "kept"),
    [('{ "b" : 1.10 , "a" : [ ] }', '{"b":1.10,"a":[]}'),
     ('{"n":[1,1.0,10e-1,1E2,-0,-0.0,0e5]}', '{"n":[1,1.0,1.0,1E+2,-0,-0.0,0E+5]}'),
     ('{"n":0.1000000000000000055511151231257827}', '{"n":0.1000000000000000055511151231257827}'),
     ('{"\\u0061":"\\u00e9\\/"}', '{"a":"é/"}'),
     ('{"n":1e400}', '{"n":1E+400}'), ('{"n":' + "9" * 400 + "}", '{"n":' + "9" * 400 + "}"),
     ('{"a":null,"b":{}}', '{"a":null,"b":{}}'),
     ('{"a":"\\uffff\\ufdd0\\u007f"}', '{"a":"\uffff\ufdd0\x7f"}')],
    ids=label,
)  # fmt: skip
def test_attributes_are_kept_exactly(written: str, kept: str) -> None:
    """In the order of their keys, with every digit; noncharacters are kept like any other character."""
    attributes = placed(with_field("attributes", written)).attributes
    assert attributes is not None
    assert attributes.text == kept


def test_attributes_of_the_greatest_size_are_taken() -> None:
    """256 KiB of compact text in UTF-8."""
    note = "x" * (256 * 1024 - len('{"a":""}'))
    attributes = placed(with_field("attributes", f'{{ "a" : "{note}" }}')).attributes
    assert attributes is not None
    assert attributes.size == 256 * 1024


def test_nesting_counts_from_the_order() -> None:
    """The attributes are the second level: 31 in them are taken, 32 are not even I-JSON here."""
    assert placed(with_field("attributes", '{"a":' * 31 + "1" + "}" * 31))
    with pytest.raises(MalformedJson, match="nested"):
        placed(with_field("attributes", '{"a":' * 32 + "1" + "}" * 32))


@pytest.mark.parametrize(
    ("text", "order_id"),
    [('{"order_id":"o"}', "o"), ('{"order_id":"a/b","x":1}', "a/b"), ('{"order_id":1}', None), ("{}", None),
     ("[]", None),
     ('{"order_id":null}', None), ('"order_id"', None), ('{"order_id":""}', "")],
)  # fmt: skip
def test_the_id_in_a_value_is_found(text: str, order_id: str | None) -> None:
    """Valid or not, where it is a string."""
    assert order_id_in(read_json(text.encode(), DEFAULT_LIMITS)) == order_id
