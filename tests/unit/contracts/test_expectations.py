"""The kit says what is wrong so that one can read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from order_engine.contracts.expectations import ContractBroken, differences, expect, expect_equal
from order_engine.contracts.samples import placement
from order_engine.domain.decisions import Transition, place
from order_engine.domain.order import Order


@pytest.fixture
def order() -> Order:
    """Return a new order."""
    placed = place(None, placement("order-1"), datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(placed, Transition)
    return placed.order


def test_only_the_fields_that_differ_are_told(order: Order) -> None:
    """Of two orders with 22 fields each, the report names the two that differ."""
    lines = differences([order], [replace(order, version=2, token=1)])
    assert lines == ["  [0].version: expected 2, got 1", "  [0].token: expected 1, got 0"]


def test_records_within_a_mapping_are_told_by_key_and_field() -> None:
    """A difference deep within is told by its place."""
    one, other = {"a": placement("a")}, {"a": placement("a", user_id="user-2")}
    assert differences(one, other) == ["  ['a'].user_id: expected 'user-2', got 'user-1'"]


def test_different_shapes_are_told_whole() -> None:
    """What cannot be compared part by part is told as a whole, shortened where it is long."""
    assert differences([1], [1, 2]) == ["  value: expected [1, 2], got [1]"]
    (line,) = differences("x" * 5_000, "")
    assert line.startswith("  value: expected '', got 'xxx")
    assert line.endswith("… (5002 characters)")


def test_broken_promises_are_named() -> None:
    """A failing check names the promise, in an AssertionError that every runner knows."""
    with pytest.raises(AssertionError, match="a token rises"):
        expect(holds=False, promise="a token rises")
    with pytest.raises(ContractBroken, match=r"the version:\n  value: expected 2, got 1"):
        expect_equal(1, 2, "the version")
