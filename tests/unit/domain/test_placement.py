"""When two placings are the same: by content, by order id, and by idempotency key (promise P4)."""

from __future__ import annotations

import decimal
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain.commands import Placement
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.decisions import Transition, decide
from order_engine.domain.placement import KeyBinding, Verdict, binding, fingerprint, judge, same_content
from tests.unit.domain.strategies import (
    OTHER_CONTENT,
    OTHER_TRACE_PARENT,
    PLACEMENT,
    START,
    TRACE_PARENT,
    Life,
    lives,
    placed,
    placements,
    similar_placements,
    thorough,
    usual,
)

# Content


@thorough
@given(similar_placements | placements, similar_placements | placements)
def test_the_fingerprint_is_equal_exactly_for_the_same_content(one: Placement, two: Placement) -> None:
    """Both ways: it stands for the content in a store that keeps no more than the digest."""
    assert (fingerprint(one) == fingerprint(two)) == same_content(placed(one), two)
    assert same_content(placed(one), two) == same_content(placed(two), one)


@usual
@given(lives)
def test_the_fingerprint_of_an_order_is_that_of_its_placement(life: Life) -> None:
    """Whatever has happened to the order since."""
    assert fingerprint(life.order) == fingerprint(life.placement)
    assert same_content(life.order, life.placement)


@usual
@given(placements, st.text(max_size=5), st.booleans())
def test_id_and_key_are_no_part_of_the_content(placement: Placement, text: str, made: bool) -> None:  # noqa: FBT001 - drawn
    """The id is what the content is kept under; the key is what the request is known by."""
    renamed = placement._replace(order_id=f"x{text}", idempotency_key=text or None, order_id_made=made)
    assert fingerprint(renamed) == fingerprint(placement)
    assert same_content(placed(placement), renamed)


@pytest.mark.parametrize("key", [None, "key1"])
@pytest.mark.parametrize("again", [None, OTHER_TRACE_PARENT])
def test_the_trace_parent_is_no_part_of_the_content(again: str | None, key: str | None) -> None:
    """Whoever sends an order again does so in a trace of its own; the order stays in the one that it was placed in."""
    first = PLACEMENT._replace(trace_parent=TRACE_PARENT, idempotency_key=key)
    repeated = first._replace(trace_parent=again)
    order = placed(first)
    assert fingerprint(repeated) == fingerprint(first) == fingerprint(PLACEMENT)
    assert same_content(order, repeated)
    assert judge(repeated, order, None if key is None else binding(first)) is Verdict.REPLAY
    assert decide(order, repeated, START) == Transition(order, None)
    assert order.trace_parent == TRACE_PARENT


@pytest.mark.parametrize(
    ("one", "two"), [("50.00", "50"), ("50.00", "5E+1"), ("50.00", "50.000000"), ("0.00", "-0"), ("0.00", "0E+5")]
)
def test_an_amount_counts_by_its_value(one: str, two: str) -> None:
    """However many zeros a store gives back."""
    left = PLACEMENT._replace(total_amount=Decimal(one))
    right = PLACEMENT._replace(total_amount=Decimal(two))
    assert fingerprint(left) == fingerprint(right)
    assert same_content(placed(left), right)


@pytest.mark.parametrize(
    "other",
    [
        PLACEMENT._replace(user_id="User1"),
        PLACEMENT._replace(user_id="user1 "),
        PLACEMENT._replace(item_ids=("item2", "item1")),
        PLACEMENT._replace(item_ids=("item1", "item2", "item2")),
        PLACEMENT._replace(item_ids=("item1item2",)),
        PLACEMENT._replace(item_ids=('item1","item2',)),
        PLACEMENT._replace(total_amount=Decimal("50.000001")),
        PLACEMENT._replace(currency="GBP"),
        PLACEMENT._replace(attributes=Attributes('{"a":1}')),
        PLACEMENT._replace(attributes=Attributes('{"a":null}')),
    ],
    ids=str,
)
def test_everything_else_is_content(other: Placement) -> None:
    """The order and the repeats of the items, letter case, the last digit, absent or there."""
    assert fingerprint(other) != fingerprint(PLACEMENT)
    assert not same_content(placed(), other)


def test_the_fingerprint_is_a_stable_digest() -> None:
    """It is stored beside idempotency keys: another text of the same content would break every stored one."""
    content = PLACEMENT._replace(currency="GBP", attributes=Attributes('{"b":1.50,"a":"\N{EURO SIGN}"}'))
    assert len(fingerprint(content)) == 32
    assert fingerprint(content).hex() == "e8b0f1107eb686efb4d062d7722f63d2be7693d45e492dbfad0f4e191194fe59"


def test_the_decimal_context_of_the_caller_changes_no_fingerprint() -> None:
    """Neither its precision nor its traps."""
    large = PLACEMENT._replace(total_amount=Decimal("999999999999999.999999"))
    expected = fingerprint(large)
    with decimal.localcontext(prec=3, Emax=2, Emin=-2) as context:
        for signal in context.traps:
            context.traps[signal] = True
        assert fingerprint(large) == expected
        assert same_content(placed(large), large)
        assert not same_content(placed(large), large._replace(total_amount=Decimal("999999999999999.999998")))


# Verdicts


REQUESTED = {"same content": PLACEMENT, "other content": OTHER_CONTENT}
BOUND_TO = {
    "same id": "order1",
    "other id": "order2",
}


@pytest.mark.parametrize(
    ("existing", "verdict"),
    [(None, Verdict.NEW), ("same content", Verdict.REPLAY), ("other content", Verdict.CONFLICT)],
)
@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("key", [None, "key1"])
def test_without_a_binding_the_id_decides(existing: str | None, verdict: Verdict, key: str | None, made: bool) -> None:  # noqa: FBT001 - a parameter
    """A key that is new, or none: an unknown id is new, a known one is a replay or a conflict."""
    placement = PLACEMENT._replace(idempotency_key=key, order_id_made=made)
    order = None if existing is None else placed(REQUESTED[existing])
    assert judge(placement, order, None) is verdict


@pytest.mark.parametrize(
    ("made", "bound_made", "bound_id", "bound_content", "existing", "verdict"),
    [
        # The same request: the client gave the same id, or none both times.
        (False, False, "same id", "same content", "same content", Verdict.REPLAY),
        (True, True, "other id", "same content", None, Verdict.REPLAY),
        # Another id under the same key.
        (False, False, "other id", "same content", None, Verdict.KEY_REUSED),
        (False, False, "other id", "same content", "same content", Verdict.KEY_REUSED),
        (False, False, "other id", "same content", "other content", Verdict.CONFLICT),
        # Other content under the same key.
        (False, False, "same id", "other content", "other content", Verdict.CONFLICT),
        (False, False, "other id", "other content", None, Verdict.KEY_REUSED),
        (False, False, "other id", "other content", "same content", Verdict.KEY_REUSED),
        (False, False, "other id", "other content", "other content", Verdict.CONFLICT),
        (True, True, "other id", "other content", None, Verdict.KEY_REUSED),
        # An id once given and once left to the engine: not the same request.
        (False, True, "other id", "same content", None, Verdict.KEY_REUSED),
        (False, True, "same id", "same content", "same content", Verdict.KEY_REUSED),
        (False, True, "other id", "same content", "other content", Verdict.CONFLICT),
        (True, False, "other id", "same content", None, Verdict.KEY_REUSED),
        (True, False, "other id", "other content", None, Verdict.KEY_REUSED),
    ],
)
def test_with_a_binding_the_key_decides_and_a_clash_of_ids_comes_first(  # noqa: PLR0913, PLR0917 - the columns of a table
    made: bool,  # noqa: FBT001 - a parameter
    bound_made: bool,  # noqa: FBT001 - a parameter
    bound_id: str,
    bound_content: str,
    existing: str | None,
    verdict: Verdict,
) -> None:
    """The first answer for the same request; else the key was reused, unless the id is taken by other content too."""
    placement = PLACEMENT._replace(idempotency_key="key1", order_id_made=made)
    bound = KeyBinding(BOUND_TO[bound_id], bound_made, fingerprint(REQUESTED[bound_content]))
    order = None if existing is None else placed(REQUESTED[existing])
    assert judge(placement, order, bound) is verdict


def test_every_combination_has_the_verdict_of_the_rule() -> None:
    """All 48 with a binding: same request, else taken id, else reused key."""
    for made, bound_made, bound_id, content, existing in product(
        (True, False), (True, False), BOUND_TO.values(), REQUESTED.values(), (None, *REQUESTED.values())
    ):
        placement = PLACEMENT._replace(idempotency_key="key1", order_id_made=made)
        same_id = made or bound_id == placement.order_id
        same_request = made == bound_made and same_id and content is PLACEMENT
        other = Verdict.CONFLICT if existing is OTHER_CONTENT else Verdict.KEY_REUSED
        verdict = judge(
            placement,
            None if existing is None else placed(existing),
            KeyBinding(bound_id, bound_made, fingerprint(content)),
        )
        assert verdict is (Verdict.REPLAY if same_request else other)


@thorough
@given(similar_placements, st.booleans())
def test_a_request_made_again_is_a_replay(placement: Placement, made: bool) -> None:  # noqa: FBT001 - drawn
    """With its key, under its own id or under a newly made one: the first answer holds."""
    first = placement._replace(idempotency_key="key1", order_id_made=made)
    again = first._replace(order_id="made-later") if made else first
    assert judge(again, None if made else placed(first), binding(first)) is Verdict.REPLAY


def test_a_binding_is_what_the_key_stands_for() -> None:
    """The id, who made it, and the content's fingerprint."""
    placement = PLACEMENT._replace(idempotency_key="key1", order_id_made=True)
    assert binding(placement) == KeyBinding("order1", order_id_made=True, fingerprint=fingerprint(PLACEMENT))
