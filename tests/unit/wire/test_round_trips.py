"""There and back: an order that is written is the order that was read, whatever it holds and however it was spelt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from order_engine.domain.commands import Placement
from order_engine.domain.content.attributes import JsonInput
from order_engine.domain.content.limits import DEFAULT_LIMITS
from order_engine.domain.content.money import amount_text
from order_engine.domain.content.validation import validate
from order_engine.domain.order import Order
from order_engine.domain.order import new_order as first_version
from order_engine.wire import order_json, read_order
from tests.unit.domain.strategies import START, placements, same_value, thorough, usual

PLACED = ("order_id", "user_id", "item_ids", "total_amount", "currency", "attributes")

NUMBER = r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?"
named = placements.map(
    lambda placement: placement._replace(order_id_made=False, idempotency_key=None, trace_parent=None)
)
"""Orders with an id of their own, as a body alone can say them."""

numbers: SearchStrategy[str] = st.from_regex(NUMBER, fullmatch=True).filter(str.isascii)


def written(placement: Placement, *, escaped: bool, amount_as_number: bool) -> str:
    """Return the order as a client might write it."""
    fields: dict[str, object] = {
        "order_id": placement.order_id,
        "user_id": placement.user_id,
        "item_ids": placement.item_ids,
        "total_amount": amount_text(placement.total_amount),
        "currency": placement.currency,
    }
    text = json.dumps(fields, ensure_ascii=escaped)
    if amount_as_number:
        amount = amount_text(placement.total_amount)
        text = text.replace(f'"total_amount": "{amount}"', f'"total_amount": {amount}')
    attributes = placement.attributes.text if placement.attributes is not None else "null"
    return f'{text[:-1]}, "attributes": {attributes}}}'


def with_number(number: str) -> str:
    """Return an order with this number in its attributes."""
    return f'{{"user_id":"u","item_ids":["i"],"total_amount":1,"attributes":{{"n":{number}}}}}'


def placed(text: str) -> Placement:
    """Read and check an order."""
    return validate(read_order(text.encode(), DEFAULT_LIMITS), "made", DEFAULT_LIMITS)


def stored(placement: Placement) -> Order:
    """Return the first version of the order."""
    return first_version(
        {
            "order_id": placement.order_id,
            "user_id": placement.user_id,
            "item_ids": placement.item_ids,
            "total_amount": placement.total_amount,
            "currency": placement.currency,
            "attributes": placement.attributes,
            "created_at": START,
            "updated_at": START,
        }
    )


def shown(placement: Placement) -> Mapping[str, object]:
    """Return the fields in the order's own JSON, numbers exact."""
    fields: Mapping[str, object] = json.loads(order_json(stored(placement)), parse_float=Decimal)
    return fields


@thorough
@given(placement=named, escaped=st.booleans(), amount_as_number=st.booleans())
def test_an_order_is_read_as_it_was_written(*, placement: Placement, escaped: bool, amount_as_number: bool) -> None:
    """Every field, by value."""
    found = placed(written(placement, escaped=escaped, amount_as_number=amount_as_number))
    assert found == placement


@thorough
@given(named)
def test_an_order_that_was_answered_may_be_placed_again(placement: Placement) -> None:
    """The fields that were placed, taken out of the answer, are the same order."""
    fields = json.loads(order_json(stored(placement)))
    attributes = placement.attributes.text if placement.attributes is not None else "null"
    content = json.dumps({name: fields[name] for name in PLACED[:-1]})
    assert placed(f'{content[:-1]},"attributes":{attributes}}}') == placement
    assert list(fields)[: len(PLACED)] == list(PLACED)


@usual
@given(named)
def test_an_answer_tells_the_values_that_were_placed(placement: Placement) -> None:
    """By an independent reading of its JSON."""
    fields = shown(placement)
    assert fields["order_id"] == placement.order_id
    assert fields["item_ids"] == list(placement.item_ids)
    assert Decimal(str(fields["total_amount"])) == placement.total_amount
    expected: JsonInput = None if placement.attributes is None else placement.attributes.to_dict()
    assert same_value(fields["attributes"], expected)


@thorough
@given(numbers)
def test_numbers_in_attributes_keep_their_value_and_their_digits(number: str) -> None:
    """None passes through a float: the significant digits are those that were written, zeros at the end as well."""
    placement = placed(with_number(number))
    assert placement.attributes is not None
    kept = placement.attributes.text.removeprefix('{"n":').removesuffix("}")
    assert Decimal(kept).as_tuple() == Decimal(number).as_tuple()
    again = placed(with_number(kept))
    assert again.attributes is not None
    assert again.attributes.text == placement.attributes.text
