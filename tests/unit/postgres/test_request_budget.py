"""The time limits of a call are parts of the time limit of a request, and fit into it."""

from __future__ import annotations

import pytest

from order_engine_adapters.postgres.connection.request_budget import LARGEST_MILLISECONDS, RequestBudget
from order_engine_adapters.postgres.connection.target import parse

YEAR = 365 * 24 * 3600.0


def test_the_limits_of_ten_seconds() -> None:
    """They are the figures that the guide to PostgreSQL tells."""
    budget = RequestBudget(10)
    limits = (budget.call, budget.connecting, budget.taking, budget.checking, budget.working, budget.statement)
    assert limits == pytest.approx((9.5, 4.5, 5, 1, 7, 6.5))
    assert budget.session == {
        "statement_timeout": "7000",
        "lock_timeout": "3000",
        "idle_in_transaction_session_timeout": "15000",
    }


@pytest.mark.parametrize("seconds", [0.001, 0.5, 3, 10, 60, 3600, YEAR])
def test_a_call_ends_before_its_request(seconds: float) -> None:
    """Each wait leaves time for what comes after it."""
    budget = RequestBudget(seconds)
    assert budget.looking < budget.statement < budget.working < budget.call < seconds
    assert budget.checking <= budget.taking < budget.call
    assert budget.taking + budget.taking <= seconds
    assert budget.looking_back > budget.working
    if seconds > 3:
        assert budget.connecting < budget.taking


@pytest.mark.parametrize("seconds", [0.000001, 0.5, 3, 60, YEAR])
def test_the_server_can_read_its_limits(seconds: float) -> None:
    """None of them is 0, which would mean no limit, and none is larger than the server's integers."""
    for limit in RequestBudget(seconds).session.values():
        assert 1 <= int(limit) <= LARGEST_MILLISECONDS


def test_a_pooled_transaction_has_the_limits_of_its_request() -> None:
    """Where sessions are handed around, the statement that begins a transaction sets them."""
    begin = parse("postgresql://host/db?statement_cache_size=0", RequestBudget(60)).begin
    assert "SET LOCAL statement_timeout = '42000'" in begin
    assert "SET LOCAL lock_timeout = '18000'" in begin
