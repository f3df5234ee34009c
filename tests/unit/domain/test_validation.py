"""Validation: one check that finds everything wrong with an order, and changes nothing that is right."""

from __future__ import annotations

from collections import UserList, deque
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.commands import Placement
from order_engine.domain.content.attributes import Attributes, JsonInput
from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.content.validation import MOST_ITEM_ERRORS, validate
from order_engine.domain.errors import FieldError, InvalidOrder
from order_engine.domain.order import NewOrder
from order_engine.domain.placement import fingerprint
from tests.unit.domain.strategies import (
    TRACE_PARENT,
    identifiers,
    json_objects,
    label,
    order_ids,
    same_value,
    short_identifiers,
    thorough,
    usual,
)

MADE = "made-1"


def new(**fields: object) -> NewOrder:
    """Return a small valid order with other fields, whatever a careless caller gives."""
    basic: dict[str, object] = {"order_id": "o", "user_id": "u", "item_ids": ["i"], "total_amount": "1.00"}
    return NewOrder(**(basic | fields))  # type: ignore[arg-type]


def wrong(order: NewOrder, limits: ContentLimits | None = None, key: str | None = None) -> dict[str, str]:
    """Return what is wrong with an order, by pointer."""
    with pytest.raises(InvalidOrder) as caught:
        validate(order, MADE, limits or ContentLimits(), key)
    return {error.pointer: error.detail for error in caught.value.errors}


def test_a_valid_order_becomes_its_placement() -> None:
    """Every field is kept: items in their order with their repeats, the amount exactly, the attributes as text."""
    order = NewOrder(
        order_id="order1",
        user_id="user1",
        item_ids=["b", "a", "b"],
        total_amount="50",
        currency="GBP",
        attributes={"gift": True},
        trace_parent=TRACE_PARENT,
    )
    assert validate(order, MADE, idempotency_key="key1") == Placement(
        order_id="order1",
        user_id="user1",
        item_ids=("b", "a", "b"),
        total_amount=Decimal("50.00"),
        currency="GBP",
        attributes=Attributes('{"gift":true}'),
        idempotency_key="key1",
        order_id_made=False,
        trace_parent=TRACE_PARENT,
    )


def test_a_trace_parent_of_a_later_version_is_kept_as_the_first_version_writes_it() -> None:
    """So that whoever continues the trace knows the form."""
    later = f"cc{TRACE_PARENT[2:]}-what-comes-later"
    assert validate(new(trace_parent=later), MADE).trace_parent == TRACE_PARENT


@pytest.mark.parametrize(
    "nonsense", ["", "nonsense", TRACE_PARENT.upper(), f"{TRACE_PARENT}-x", 5, TRACE_PARENT.encode()]
)
def test_a_trace_parent_that_is_none_is_an_error_of_its_field(nonsense: object) -> None:
    """A program that hands one over means it; a header is another matter."""
    problems = wrong(new(trace_parent=nonsense, user_id=""))
    assert set(problems) == {"/trace_parent", "/user_id"}
    assert problems["/trace_parent"].startswith("must be a W3C traceparent, for example")


def test_an_order_without_an_id_gets_the_one_that_was_made() -> None:
    """The placement says that the id was made, since such an id is no part of the content."""
    placement = validate(new(order_id=None), MADE)
    assert (placement.order_id, placement.order_id_made) == (MADE, True)


def test_a_made_id_has_to_be_an_order_id_too() -> None:
    """A generator of ids that does not keep to the rule is found out."""
    with pytest.raises(InvalidOrder, match="/order_id"):
        validate(new(order_id=None), "a/b")


def test_an_empty_order_id_is_an_order_id_and_a_wrong_one() -> None:
    """Only null and absent ask for a made id."""
    assert wrong(new(order_id="")) == {"/order_id": "must not be empty"}


def test_everything_wrong_is_found_at_once() -> None:
    """A client mends its order in one go."""
    order = new(
        order_id="..",
        user_id="",
        item_ids=["good", "\0", 5],
        total_amount=1.5,
        currency="GBPS",
        attributes={"a": [float("nan")]},
    )
    assert set(wrong(order, key="no spaces")) == {
        "/order_id",
        "/user_id",
        "/item_ids/1",
        "/item_ids/2",
        "/total_amount",
        "/currency",
        "/attributes/a/0",
        "",
    }


def test_the_message_shows_the_first_errors() -> None:
    """A log line tells what was wrong without becoming a page."""
    with pytest.raises(InvalidOrder) as caught:
        validate(new(item_ids=[""] * 10_000), MADE)
    assert len(caught.value.errors) == MOST_ITEM_ERRORS
    assert str(caught.value) == "; ".join(f"/item_ids/{index}: must not be empty" for index in range(5))


@pytest.mark.parametrize("item_ids", [["i"] * 10_000, ("i",), UserList(["i"]), deque(["i"]), [], (), deque()])
def test_any_sequence_of_up_to_ten_thousand_items_will_do(item_ids: Sequence[str]) -> None:
    """Also ten thousand times the same item, and none at all: a gift card, a fee and a refund have no item."""
    placement = validate(new(item_ids=item_ids), MADE)
    assert placement.item_ids == ("i",) * len(item_ids)


@pytest.mark.parametrize(
    ("item_ids", "detail"),
    [
        (["i"] * 10_001, "must contain at most 10000 item ids, contains 10001"),
        ("item1", "must be a list of item ids"),
        ("", "must be a list of item ids"),
        (b"item1", "must be a list of item ids"),
        ({"item1"}, "must be a list of item ids"),
        ({"item1": 1}, "must be a list of item ids"),
        (None, "must be a list of item ids"),
        (5, "must be a list of item ids"),
        pytest.param(iter(["item1"]), "must be a list of item ids", id="iterator"),
    ],
    ids=label,
)
def test_items_are_a_list(item_ids: object, detail: str) -> None:
    """A text is no list of its characters, a set has no order, an iterator can be read only once."""
    assert wrong(new(item_ids=item_ids)) == {"/item_ids": detail}


@pytest.mark.parametrize("currency", [None, "GBP", "JPY", "XXX", "AAA", "ZZZ"])
def test_a_currency_is_optional(currency: str | None) -> None:
    """Three letters A to Z; which currencies there are is the business of others."""
    assert validate(new(currency=currency), MADE).currency == currency


@pytest.mark.parametrize("currency", ["gbp", "Gbp", "gbP", "GBP"])
def test_a_currency_is_kept_in_upper_case(currency: str) -> None:
    """However a shop writes it, so that an order placed again in other letters is the same order."""
    placement = validate(new(currency=currency), MADE)
    assert placement.currency == "GBP"
    assert placement == validate(new(currency="GBP"), MADE)
    assert fingerprint(placement) == fingerprint(validate(new(currency="GBP"), MADE))


@pytest.mark.parametrize(
    "currency",
    [
        "",
        "GB",
        "GBPS",
        "USDT",
        "G P",
        "G1P",
        "GB\n",
        " GBP",
        "\N{GREEK CAPITAL LETTER ALPHA}BC",
        "\N{LATIN SMALL LETTER LONG S}ek",
        "\N{LATIN SMALL LIGATURE FF}f",
        5,
        True,
        ["GBP"],
    ],
)
def test_a_currency_is_three_letters(currency: object) -> None:
    """ASCII letters, exactly three; an empty string is not an absent one. What becomes letters in capitals is none."""
    assert set(wrong(new(currency=currency))) == {"/currency"}


def test_another_unit_than_a_currency_has_its_place() -> None:
    """Whoever sends the code of a token reads where to put it."""
    assert wrong(new(currency="USDT"))["/currency"].endswith(
        "For any other unit, such as points or tokens, omit it and name the unit in attributes"
    )
    assert wrong(new(currency=978)) == {
        "/currency": 'must be a string, not a number: send "978" instead of 978, for example "GBP"'
    }


@pytest.mark.parametrize("key", ["k", "!", "~", "x" * 255, '"quoted"', "8e03978e-40d5-43e8-bc93-6894a57f9324"])
def test_an_idempotency_key_is_visible_ascii(key: str) -> None:
    """1 to 255 characters, kept as they are."""
    assert validate(new(), MADE, idempotency_key=key).idempotency_key == key


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "a b", " ", "a\tb", "\0", "\x7f", "\N{LATIN SMALL LETTER E WITH ACUTE}", 5, b"k"], ids=label
)
def test_another_idempotency_key_is_refused(key: str) -> None:
    """The pointer is that of the whole order, since the key is no field of it."""
    assert set(wrong(new(), key=key)) == {""}


@pytest.mark.parametrize("attributes", [None, {}])
def test_no_attributes_and_empty_ones_are_the_same(attributes: dict[str, JsonInput] | None) -> None:
    """Both are absent."""
    assert validate(new(attributes=attributes), MADE).attributes is None


@pytest.mark.parametrize("attributes", [[], "", 0, False])
def test_attributes_that_are_empty_but_no_object_are_refused(attributes: object) -> None:
    """What Python takes for false is not what a client left out."""
    assert wrong(new(attributes=attributes)) == {"/attributes": "must be a JSON object"}


def test_the_limits_are_settings() -> None:
    """Each limit is that of the engine at hand."""
    limits = ContentLimits(
        identifier_characters=1, items=1, amount_maximum=Decimal(1), attributes_bytes=10, nesting=2, number_characters=5
    )
    assert validate(new(attributes={"a": 1}), "m", limits)
    assert set(wrong(new(order_id="ab", user_id="ab", item_ids=["ab"], total_amount="2"), limits)) == {
        "/order_id",
        "/user_id",
        "/item_ids/0",
        "/total_amount",
    }
    assert set(wrong(new(item_ids=["a", "b"], attributes={"a": []}), limits)) == {"/item_ids", "/attributes/a"}
    assert set(wrong(new(total_amount="0.0000"), limits)) == {"/total_amount"}
    assert set(wrong(new(attributes={"a": "123456"}), limits)) == {"/attributes"}


@thorough
@given(
    order_id=st.none() | order_ids,
    user_id=identifiers,
    item_ids=st.lists(identifiers, max_size=5),
    total=st.integers(0, 10**15),
    attributes=st.none() | json_objects,
)
def test_a_valid_order_is_kept_as_it_is(
    order_id: str | None, user_id: str, item_ids: list[str], total: int, attributes: dict[str, JsonInput] | None
) -> None:
    """Nothing is trimmed, folded, sorted or made unique, and the caller's values may change afterwards."""
    order = new(order_id=order_id, user_id=user_id, item_ids=item_ids, total_amount=total, attributes=attributes)
    placement = validate(order, MADE)
    kept_items = tuple(item_ids)
    item_ids.append("later")
    assert placement.order_id == (MADE if order_id is None else order_id)
    assert (placement.user_id, placement.item_ids) == (user_id, kept_items)
    assert placement.total_amount == total
    assert same_value({} if placement.attributes is None else placement.attributes.to_dict(), attributes or {})


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(max_size=5), st.binary(max_size=3)
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@thorough
@given(st.dictionaries(st.sampled_from(tuple(NewOrder.__dataclass_fields__)), anything), anything)
def test_any_order_is_valid_or_an_invalid_order(fields: dict[str, object], key: object) -> None:
    """No other exception, whatever comes in; each error names a field and says something about it."""
    errors: tuple[FieldError, ...] = ()
    try:
        validate(new(**fields), MADE, idempotency_key=key)  # type: ignore[arg-type]
    except InvalidOrder as invalid:
        errors = invalid.errors
    for error in errors:
        assert error.detail
        assert error.pointer == "" or error.pointer.split("/")[1] in NewOrder.__dataclass_fields__
        assert (error.pointer + error.detail).encode()


@usual
@given(short_identifiers)
def test_identifiers_are_case_sensitive(text: str) -> None:
    """Ids that differ by case are different ids: a real shop has such items."""
    item_ids = (text, text.lower(), text.upper(), "m", "M")
    assert validate(new(item_ids=item_ids), MADE).item_ids == item_ids


def test_the_size_of_a_placement_grows_with_its_items_and_attributes() -> None:
    """A batch is bounded by it, so that large orders travel in smaller company."""
    small = validate(new(), MADE).size
    assert validate(new(item_ids=["x" * 100] * 100), MADE).size >= small + 10_000
    assert validate(new(attributes={"a": "x" * 10_000}), MADE).size >= small + 10_000
