"""Validation of new orders. It reports all invalid fields at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice

from order_engine.domain.commands import Placement
from order_engine.domain.content.attributes import Attributes, AttributesProblem, encode_attributes
from order_engine.domain.content.limits import DEFAULT_LIMITS, ContentLimits
from order_engine.domain.content.money import ZERO, AmountProblem, parse_amount
from order_engine.domain.content.text import are_plain_identifiers, identifier_problem, not_a_string, order_id_problem
from order_engine.domain.content.tracing import read_trace_parent
from order_engine.domain.errors import FieldError, InvalidOrder
from order_engine.domain.order import NewOrder

CURRENCY_LETTERS = 3
OTHER_CURRENCY = (
    f'must be an ISO 4217 code of {CURRENCY_LETTERS} letters, for example "GBP". For any other unit, such as points or '
    "tokens, omit it and name the unit in attributes"
)
LONGEST_KEY = 255

MOST_ITEM_ERRORS = 100
"""Maximum number of invalid items that are reported for one order."""


def validate(
    order: NewOrder,
    made_order_id: str,
    limits: ContentLimits = DEFAULT_LIMITS,
    idempotency_key: str | None = None,
) -> Placement:
    """Return the placement for a valid order. `made_order_id` is used if the order has no id.

    Raises InvalidOrder with all invalid fields.
    """
    errors: list[FieldError] = []
    order_id = made_order_id if order.order_id is None else order.order_id
    if problem := order_id_problem(order_id, limits.identifier_characters):
        errors.append(FieldError("/order_id", problem))
    if problem := identifier_problem(order.user_id, limits.identifier_characters):
        errors.append(FieldError("/user_id", problem))
    errors.extend(islice(_item_errors(order.item_ids, limits), MOST_ITEM_ERRORS))
    currency = None if order.currency is None else _currency(order.currency, errors)
    if idempotency_key is not None and (problem := _key_problem(idempotency_key)):
        errors.append(FieldError("", problem))
    amount = _amount(order, limits, errors)
    attributes = _attributes(order, limits, errors)
    trace_parent = None if order.trace_parent is None else _trace_parent(order.trace_parent, errors)
    if errors:
        raise InvalidOrder(tuple(errors))
    return Placement(
        order_id,
        order.user_id,
        tuple(order.item_ids),
        amount,
        currency,
        attributes,
        idempotency_key,
        order.order_id is None,
        trace_parent,
    )


def _item_errors(item_ids: object, limits: ContentLimits) -> Iterator[FieldError]:
    if not isinstance(item_ids, Sequence) or isinstance(item_ids, str | bytes):
        yield FieldError("/item_ids", "must be a list of item ids")
        return
    if len(item_ids) > limits.items:
        yield FieldError("/item_ids", f"must contain at most {limits.items} item ids, contains {len(item_ids)}")
        return
    if item_ids and are_plain_identifiers(item_ids, limits.identifier_characters):
        return
    for index, item_id in enumerate(item_ids):
        if problem := identifier_problem(item_id, limits.identifier_characters):
            yield FieldError(f"/item_ids/{index}", problem)


def _currency(given: object, errors: list[FieldError]) -> str | None:
    """Return the currency in upper case, in which it is compared and stored."""
    if not isinstance(given, str):
        errors.append(FieldError("/currency", f'{not_a_string(given)}, for example "GBP"'))
        return None
    if len(given) != CURRENCY_LETTERS or not given.isascii() or not given.isalpha():
        errors.append(FieldError("/currency", OTHER_CURRENCY))
        return None
    return given.upper()


def _key_problem(key: object) -> str | None:
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
        return f"has an invalid idempotency key: it must be 1 to {LONGEST_KEY} characters long"
    if not all("!" <= character <= "~" for character in key):
        return "has an invalid idempotency key: it must contain visible ASCII characters only"
    return None


def _amount(order: NewOrder, limits: ContentLimits, errors: list[FieldError]) -> Decimal:
    try:
        return parse_amount(order.total_amount, limits)
    except AmountProblem as problem:
        errors.append(FieldError("/total_amount", str(problem)))
        return ZERO


def _attributes(order: NewOrder, limits: ContentLimits, errors: list[FieldError]) -> Attributes | None:
    if order.attributes is None:
        return None
    try:
        return encode_attributes(order.attributes, limits)
    except AttributesProblem as problem:
        errors.append(FieldError(f"/attributes{problem.pointer}", problem.detail))
        return None


def _trace_parent(given: object, errors: list[FieldError]) -> str | None:
    trace_parent = read_trace_parent(given) if isinstance(given, str) else None
    if trace_parent is None:
        example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        errors.append(FieldError("/trace_parent", f'must be a W3C traceparent, for example "{example}"'))
    return trace_parent
